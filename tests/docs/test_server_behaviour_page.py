"""docs/reference/server-behaviour.md is in step with the table of rules, the recordings and the tests."""

from __future__ import annotations

import re
from pathlib import Path

from iac.core.server.table import TABLE
from tests.every import every

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/server-behaviour.md").read_text(encoding="utf-8")
SECTIONS = {
    int(number): text for number, text in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
}
RECORDINGS = {path.stem for path in (ROOT / "tests/fixtures/iam").glob("*/*.json")}
EACH = every("number", SECTIONS)


def entry(number: int, name: str) -> str:
    """The list entry of a section; "" when it has none."""
    found = re.search(rf"^- {name}: (.*?)(?=^- |\n\n|\Z)", SECTIONS[number], re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def test_traps_are_numbered_without_a_gap() -> None:
    assert list(range(1, len(SECTIONS) + 1)) == list(SECTIONS)
    assert {number for rule in TABLE for number in rule.traps} <= SECTIONS.keys()


def rules(number: int) -> set[str]:
    return {rule.id for rule in TABLE if number in rule.traps}


@EACH
def test_a_trap_without_a_rule_says_what_holds_it_and_which_test_shows_it(number: int) -> None:
    held = entry(number, "Held by")
    assert bool(held) == (not rules(number))
    for path in re.findall(r"`([^`:]+)(?:::\w+)?`", held):
        assert (ROOT / path).is_file()
    for path, name in re.findall(r"`([^`:]+)::(\w+)`", held):
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
    assert ("::" in held) == bool(held)


@EACH
def test_a_trap_names_recordings_that_are_there(number: int) -> None:
    seen = {name.rstrip(",") for name in entry(number, "Seen in").split()}
    assert seen or rules(number)
    assert set() == seen - RECORDINGS


def test_the_recordings_that_rules_cite_are_there() -> None:
    cited = {
        name
        for rule in TABLE
        for names in re.findall(r"rec: ([a-z0-9 ,-]+)", rule.source)
        for name in re.split(r"[ ,]+", names.strip())
    }
    assert set() == cited - RECORDINGS
