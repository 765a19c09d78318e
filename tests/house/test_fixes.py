"""Each error says how to fix it, so that no page has to repeat it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from iac.core import errors
from tests.house.measures import nodes

ROOT = Path(__file__).parents[2]
ROOMS = [ROOT / "iac" / room for room in ("backends", "core/state", "providers", "rendering", "sinks", "transport")]
FILES = [*(file for room in ROOMS for file in room.rglob("*.py")), ROOT / "iac/git.py", ROOT / "iac/core/origin.py"]
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.IacError)}


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Each error that these rooms make, with its place."""
    for file in FILES:
        for node in nodes(file):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_each_error_of_files_servers_and_state_says_how_to_fix_it() -> None:
    calls = list(raised())
    assert len(calls) > 150
    assert [] == [where for where, call in calls if "fix" not in {word.arg for word in call.keywords}]


def test_no_fix_is_empty() -> None:
    fixes = [(where, word.value) for where, call in raised() for word in call.keywords if word.arg == "fix"]
    assert [] == [where for where, fix in fixes if isinstance(fix, ast.Constant) and not str(fix.value).strip()]
