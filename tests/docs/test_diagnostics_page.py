"""Every diagnostic has its section in the reference, and the example there brings it about."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from iac.config.catalogue import ERRORS, FINDINGS, WARNINGS
from iac.config.definitions import validate_project
from tests.config.given import CLIENT, PROJECT, write

PAGE = (Path(__file__).parents[2] / "docs/reference/diagnostics.md").read_text(encoding="utf-8")
TODAY = date(2026, 11, 23)
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = {
    rule: found.groups()
    for rule, text in SECTIONS.items()
    if (found := re.search(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL))
}


def test_the_page_has_a_section_for_each_diagnostic_and_for_nothing_else() -> None:
    assert ERRORS | WARNINGS | FINDINGS == set(SECTIONS)


@pytest.mark.parametrize("rule", sorted(SECTIONS))
def test_a_section_says_what_and_how_to_go_on(rule: str) -> None:
    assert re.search(r"^Fix: ", SECTIONS[rule], re.MULTILINE)


def test_warnings_stand_in_a_part_of_their_own() -> None:
    part = PAGE.partition("\n## Warnings\n")[2]
    assert set(re.findall(r"^### (\S+)$", part, re.MULTILINE)) == WARNINGS


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_the_example_of_a_section_brings_it_about(rule: str, tmp_path: Path) -> None:
    file, lines = EXAMPLES[rule]
    keys = set(re.findall(r"^(\w+):", lines, re.MULTILINE)) - {"client_name"}
    usual = PROJECT if file == "iac.yaml" else CLIENT
    text = "".join(f"{line}\n" for line in usual.splitlines() if line.partition(":")[0] not in keys) + lines
    ids = {each.id for each in validate_project(write(tmp_path, {file: text}), today=TODAY).diagnostics}
    assert rule in ids
    assert not ids - {rule, "moved-target-missing"}
