"""The pages of ids are what the code says, each id has what its kind needs, and its example brings it about."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from iac.config.definitions import validate_project
from iac.core.catalogue import CATALOGUE
from iac.core.explanation import IdKind
from iac.core.plan.guards import GUARDS
from tests.config.given import CLIENT, PROJECT, write
from tests.docs.reference import pages
from tests.every import every

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 23)
PLANNING = [*(ROOT / "iac/core/plan").rglob("*.py"), ROOT / "iac/git.py", ROOT / "iac/workflow/plan.py"]
PLANNED = "\n".join(path.read_text(encoding="utf-8") for path in PLANNING)


@pytest.mark.slow
def test_each_page_is_what_the_code_says() -> None:
    wrong = [page.stem for page, text in pages().items() if text != page.read_text(encoding="utf-8")]
    assert [] == wrong, "write the pages: make format"


def test_each_id_says_how_to_fix_it() -> None:
    assert [] == [entry.id for entry in (*CATALOGUE.values(), *GUARDS) if not entry.fix]


@every("rule", [entry.id for entry in CATALOGUE.values() if entry.bad])
def test_the_example_of_a_section_brings_it_about(rule: str, tmp_path: Path) -> None:
    file, _, lines = CATALOGUE[rule].bad.removeprefix("# ").partition("\n")
    keys = set(re.findall(r"^(\w+):", lines, re.MULTILINE)) - {"client_name"}
    usual = PROJECT if file == "iac.yaml" else CLIENT
    text = "".join(f"{line}\n" for line in usual.splitlines() if line.partition(":")[0] not in keys) + f"{lines}\n"
    ids = {each.id for each in validate_project(write(tmp_path, {file: text}), today=TODAY).diagnostics}
    assert rule in ids
    assert not ids - {rule, "moved-target-missing"}


def test_each_guard_of_a_plan_is_in_the_table_and_no_other() -> None:
    named = set(re.findall(r'(?:guard|_count)\(\s*"([a-z-]+)"', PLANNED)) | set(
        re.findall(r'"(output-tracked)"', PLANNED)
    )
    assert [guard.id for guard in GUARDS] == list(dict.fromkeys(guard.id for guard in GUARDS))
    assert {guard.id for guard in GUARDS} == named


def test_each_finding_of_a_plan_is_in_the_catalogue() -> None:
    named = set(re.findall(r'(?:Diagnostic|_unread)\(\s*(?:draft, address, )?"([a-z-]+)"', PLANNED))
    named |= set(re.findall(r'"(output-not-[a-z]+)"', PLANNED))
    assert len(named) > 5
    assert set() == named - {entry.id for entry in CATALOGUE.values() if entry.kind is IdKind.FINDING}
