"""How wide stdout is taken to be."""

from __future__ import annotations

import os
import pty
import sys
from typing import TYPE_CHECKING

from iac.cli.context import CommandContext

if TYPE_CHECKING:
    import pytest


def test_what_is_no_terminal_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    assert CommandContext().width() is None


def test_a_terminal_has_its_own_width_or_that_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "w"), os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("COLUMNS", "90")
        assert 90 == CommandContext().width()
        monkeypatch.delenv("COLUMNS")
        assert (CommandContext().width() or 0) > 0
