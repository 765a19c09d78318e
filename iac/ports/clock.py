"""Time and chance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime


class Clock(ABC):
    """Time and chance, so that tests decide them."""

    @abstractmethod
    def now(self) -> datetime:
        """The time, aware, UTC."""

    @abstractmethod
    def token(self) -> str:
        """32 random bytes, URL-safe base64 without padding (43 characters)."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait."""
