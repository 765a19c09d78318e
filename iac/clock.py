"""The real clock and the real source of chance."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from iac.ports import Clock


class SystemClock(Clock):
    """Time of the operating system, randomness of its generator."""

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    def token(self) -> str:
        """32 random bytes, URL-safe."""
        return secrets.token_urlsafe(32)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
