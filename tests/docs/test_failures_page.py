"""The page of known failures names tests that are there, and tests name rows that are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.every import every

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/failures.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)
ROWS = re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)
TESTS = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]


@every("file, test", NAMED)
def test_each_test_that_the_page_names_is_there(file: str, test: str) -> None:
    assert re.search(rf"^ *def {test}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_each_row_is_shown_by_a_test() -> None:
    assert len(ROWS) > 10
    assert [] == [row for row in re.findall(r"^\d+\. .*$", PAGE, re.MULTILINE) if "::test_" not in row]


def test_each_number_in_a_test_is_one_of_the_page() -> None:
    numbers = set()
    for path in TESTS:
        text = path.read_text(encoding="utf-8")
        for found in re.findall(r"failures\.md ([\d, and]+)", text):
            numbers |= set(re.findall(r"\d+", found))
        if path.name == "test_failures.py":
            numbers |= set(re.findall(r"def test_(\d+)_", text))
    assert {"3", "7", "20"} <= numbers
    assert set() == numbers - set(ROWS)
