"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from iac.ports import Clock


class SetClock(Clock):
    """Stands still; sleeping moves it on and is written down. Starts at the real time, for servers check tokens."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)
        self.slept: list[float] = []
        self._tokens = count(1)

    def now(self) -> datetime:
        return self.time

    def token(self) -> str:
        return f"token-{next(self._tokens):037d}"

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
