"""Messages are written in plain English: phrases that were once usual here do not come back."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.house.measures import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "iac"
OLD = re.compile(
    r"(?<![Tt]here )\bis no (?!longer)|\bway on\b|\bhand(?:ed|s)?(?: it)? in\b|\banew\b|\bmend(?:s|ed)?\b|\bis to be\b"
    r"|\bwhat is no "
)


def test_messages_have_none_of_the_old_phrases() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in _texts(nodes(path))
        if OLD.search(text)
    }
    assert set() == found


def _texts(module: list[ast.AST]) -> Iterator[str]:
    """All literals that are no docstring."""
    docstrings = {id(node.value) for node in module if isinstance(node, ast.Expr)}
    for node in module:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
