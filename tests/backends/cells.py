"""A cell in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from iac.backends.cell import Cell, NotStored, Stored


@dataclass
class Place:
    """What two machines share: a value and its version."""

    data: bytes | None = None
    version: int = 0
    mutex: threading.Lock = field(default_factory=threading.Lock)


class MemoryCell(Cell):
    """One machine's way to a place."""

    def __init__(self, place: Place) -> None:
        self.where = "memory"
        self._place = place

    def _read(self) -> Stored | None:
        with self._place.mutex:
            return self._now()

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        with self._place.mutex:
            self._must_be(old)
            self._place.data = data
            return Stored(data, str(self._place.version))

    def _clear(self, old: Stored) -> None:
        with self._place.mutex:
            self._must_be(old)
            self._place.data = None

    def _now(self) -> Stored | None:
        return None if self._place.data is None else Stored(self._place.data, str(self._place.version))

    def _must_be(self, old: Stored | None) -> None:
        if self._now() != old:
            raise NotStored("something else is there")
        self._place.version += 1
