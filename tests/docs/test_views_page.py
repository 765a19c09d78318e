"""The page of views; `tests.docs.reference` writes its examples."""

from __future__ import annotations

import re

from iac.views.kind import DiagnosticsView, PlanView
from tests.docs.views_page import EXAMPLES, VIEWS

PAGE = VIEWS.read_text(encoding="utf-8")


def test_every_example_comes_from_a_case() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^````\w+$", PAGE, re.MULTILINE))


def test_each_view_has_its_part_and_its_row() -> None:
    assert [*PlanView, "Diagnostics"] == re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    rows = dict(re.findall(r"^\| \[(\w+)\]\(#\w+\) (\|.*)$", PAGE, re.MULTILINE))
    assert set(PlanView) == set(rows)
    validates = {view for view, row in rows.items() if row.split("|")[4].strip() == "yes"}
    assert {"text", "json", *DiagnosticsView} == validates
