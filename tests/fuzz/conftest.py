"""The situation of the crash tests: a run that does a bit of everything, and what must be true after it."""

from __future__ import annotations

from tests.crash.conftest import flavour, situation

__all__ = ["flavour", "situation"]
