"""The examples of the page about views are what the views give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iac.views.kind import DiagnosticsView, PlanView
from tests.views.given import CASES

PAGE = (Path(__file__).parents[2] / "docs/reference/views.md").read_text(encoding="utf-8")
BLOCKS = [found[1] for found in re.finditer(r"^````\w+\n(.*?)^````$", PAGE, re.MULTILINE | re.DOTALL)]
SHOWN = {
    "page-plan": {"expect.text", "expect.md", "expect.github", "expect.gitlab", "expect.junit"},
    "page-diagnostics": {"expect.gitlab"},
}


@pytest.mark.parametrize(("case", "name"), [(case, name) for case, names in SHOWN.items() for name in sorted(names)])
def test_an_example_is_what_the_view_of_its_case_is_expected_to_be(case: str, name: str) -> None:
    expected = (CASES / case / name).read_text(encoding="utf-8")
    assert expected in BLOCKS


def test_there_is_no_example_of_anything_else() -> None:
    assert sum(len(names) for names in SHOWN.values()) == len(BLOCKS)


def test_each_view_has_its_part_and_its_row() -> None:
    assert [*PlanView, "Diagnostics"] == re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    rows = dict(re.findall(r"^\| \[(\w+)\]\(#\w+\) (\|.*)$", PAGE, re.MULTILINE))
    assert set(PlanView) == set(rows)
    validates = {view for view, row in rows.items() if row.split("|")[4].strip() == "yes"}
    assert {"text", "json", *DiagnosticsView} == validates
