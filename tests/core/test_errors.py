from __future__ import annotations

import inspect
import re

import pytest

from iac.core import errors
from iac.core.errors import (
    Diagnostic,
    IacError,
    InvalidInput,
    Location,
    ServerError,
    Severity,
    UnknownOutcome,
    sort_key,
)

HERE = Location("clients.d/a.yaml", 3, 5)


def test_an_error_says_what_where_why_and_the_fix_a_line_each() -> None:
    error = IacError("it went wrong", where="clients.d/a.yaml", why="because", fix="iac fmt")
    assert ["it went wrong: clients.d/a.yaml", "because", "fix: iac fmt"] == error.lines()
    assert "it went wrong: clients.d/a.yaml\nbecause\nfix: iac fmt" == str(error)


def test_an_error_leaves_out_what_it_does_not_know() -> None:
    assert ["it went wrong"] == IacError("it went wrong").lines()


@pytest.mark.parametrize(("count", "head"), [(1, "1 mistake in"), (2, "2 mistakes in")])
def test_invalid_input_shows_every_mistake_and_then_the_count(count: int, head: str) -> None:
    error = InvalidInput([Diagnostic("unknown-key", "no such key", HERE)] * count)
    assert ["clients.d/a.yaml:3:5: error: no such key [unknown-key]"] * count == error.lines()[:count]
    assert error.lines()[-1].startswith(head)


def test_a_servers_error_knows_its_status() -> None:
    assert 400 == ServerError("no", status=400).status
    assert 0 == UnknownOutcome("lost").status


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    classes = {name for name, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, IacError)}
    _, root, branches = (errors.__doc__ or "").partition("\nIacError\n")
    assert root
    assert classes == {"IacError", *re.findall(r"^[|` ]*[+`]-- (\w+)", branches, re.MULTILINE)}


def test_a_diagnostic_says_why_and_how_when_it_knows() -> None:
    diagnostic = Diagnostic("odd", "odd value", HERE, why="it is odd", fix="make it even", severity=Severity.WARNING)
    expected = ["clients.d/a.yaml:3:5: warning: odd value [odd]", "  it is odd", "  fix: make it even"]
    assert expected == diagnostic.lines()
    assert ["error: odd value [odd]"] == Diagnostic("odd", "odd value").lines()


def test_a_diagnostic_as_json_has_its_place_or_null() -> None:
    here = Diagnostic("odd", "odd value", HERE).to_dict()
    assert {"file": "clients.d/a.yaml", "line": 3, "column": 5} == here["location"]
    nowhere = Diagnostic("odd", "odd value").to_dict()
    assert {
        "id": "odd", "severity": "error", "summary": "odd value", "where": "", "why": "", "fix": "", "location": None,
    } == nowhere  # fmt: skip


def test_diagnostics_sort_by_place_those_without_one_first() -> None:
    late, early, nowhere = (
        Diagnostic("a", "late", HERE),
        Diagnostic("b", "early", Location("clients.d/a.yaml", 1)),
        Diagnostic("c", "nowhere"),
    )
    assert [nowhere, early, late] == sorted([late, nowhere, early], key=sort_key)
