"""A terminal that a test pretends to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

# These take `is_terminal` by its name: they are read before another one takes its place, which they would keep.
from iac.cli import approval, context, init, new  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def pretend_terminal(monkeypatch: pytest.MonkeyPatch, decide: Callable[[TextIO | None], bool] = lambda _: True) -> None:
    """Let commands take a stream for a terminal where `decide` says so."""
    monkeypatch.setattr(context, "is_terminal", decide)
