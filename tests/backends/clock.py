"""A clock that goes on only by sleeping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from iac.ports import Clock


class StoppedClock(Clock):
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.made = 0

    def now(self) -> datetime:
        return self.time

    def token(self) -> str:
        self.made += 1
        return f"token-{self.made:037d}"

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
