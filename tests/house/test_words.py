"""Messages are written in plain English: phrases that were once usual here do not come back into rooms without them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "iac"
ROOMS = (
    "apply", "backends", "cli", "config", "core", "files", "forges", "git", "ports", "process", "providers",
    "registry", "rendering", "sealing", "services", "session", "sinks", "transport", "views", "wiring",
    "workflow/doctor", "workflow/explain", "workflow/importing", "workflow/init", "workflow/inventory",
    "workflow/keys", "workflow/new", "workflow/outputs", "workflow/pipelines", "workflow/plan",
    "workflow/registrations", "workflow/render", "workflow/restore", "workflow/rotate", "workflow/secrets",
    "workflow/state", "workflow/validate",
)  # fmt: skip
"""Those whose messages have been rewritten; the aim is all of them."""

OLD = re.compile(
    r"(?<!there )\bis no (?!longer)|\bway on\b|\bhand(?:ed|s)?(?: it)? in\b|\banew\b|\bmend(?:s|ed)?\b|\bis to be\b"
    r"|\bwhat is no "
)


def test_messages_have_none_of_the_old_phrases() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for room in ROOMS
        for path in sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if OLD.search(text)
    }
    assert set() == found


def _texts(tree: ast.Module) -> Iterator[str]:
    """All literals that are no docstring."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
