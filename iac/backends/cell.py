"""One value in a place that many machines reach: what git, S3 and HTTP state have in common.

A cell is replaced by compare and swap, and nothing else: `swap` names what it takes the place of. Whoever loses the
race, is refused, or never hears the answer gets `NotStored`, and reads to find out what is there now; so every value
that is written is unlike any other (it carries a run id and a serial or a time).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from iac.core.errors import IacError, UnreachableError
from iac.ports import Clock
from iac.ports.foreign import foreign_as

_reading = foreign_as(UnreachableError, "the state's backend cannot be read")

PAUSES = (0.5, 2.0)
"""Seconds before each new try of a swap that surely had no effect, or whose place could not be read."""


class Stored(Struct, frozen=True):
    """A value as it was read or written, and the place's own word for this version of it (ETag, object id)."""

    data: bytes
    version: str


class NotStored(Exception):  # no failure: an answer, which the caller reads on from
    """A swap of which it is not known that it took effect.

    Args:
        reason: the other side's words.
        is_refusal: the place said no for a reason that stays when it is tried again (rights, a hook, its rules).
    """

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_refusal = is_refusal


@contextmanager
def _as_not_stored() -> Iterator[None]:
    """Whatever goes wrong in a write, the place must be read to know what became of it."""
    try:
        yield
    except NotStored:
        raise
    except IacError as error:
        raise NotStored(": ".join(part for part in (error.summary, error.why) if part)) from error
    except Exception as foreign:
        raise NotStored(f"{type(foreign).__name__}: {foreign}") from foreign


class Cell(ABC):
    """One value, replaced by compare and swap.

    Attributes:
        where: how messages name the place.
    """

    where: str

    @_reading
    def read(self) -> Stored | None:
        """The value that is there now; None when there is none.

        Raises:
            UnreachableError: it cannot be told.
        """
        return self._read()

    def swap(self, data: bytes, old: Stored | None) -> Stored:
        """Replace `old` by `data` (None: there is nothing).

        Raises:
            NotStored: something else is there, the place refuses, or no answer came back.
        """
        with _as_not_stored():
            return self._swap(data, old)

    def clear(self, old: Stored) -> None:
        """Empty the place if `old` is there: it is then None, or holds no byte. Raises as `swap` does."""
        with _as_not_stored():
            self._clear(old)

    @abstractmethod
    def _read(self) -> Stored | None: ...
    @abstractmethod
    def _swap(self, data: bytes, old: Stored | None) -> Stored: ...
    @abstractmethod
    def _clear(self, old: Stored) -> None: ...


class NotSettled(Exception):  # as NotStored
    """A value that was not written, or of which it cannot be found out.

    Args:
        reason: the other side's words.
        is_moved: something else is there; else the place refuses, or cannot be reached.
    """

    def __init__(self, reason: str, *, is_moved: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_moved = is_moved


def settle(cell: Cell, data: bytes, old: Stored | None, clock: Clock) -> Stored:
    """`Cell.swap` until it is known how it ended: after each failure the place is read, and the read decides.

    Raises:
        NotSettled: it was not written, or cannot be found out.
    """
    reason = ""
    for pause in (0.0, *PAUSES):
        clock.sleep(pause)
        # A swap may be tried again, for it names what it takes the place of: one that took effect without an answer
        # makes the next one fail, and the read then finds our own value there.
        try:
            return cell.swap(data, old)
        except NotStored as failure:
            reason, is_refusal = failure.reason, failure.is_refusal
        try:
            present = cell.read()
        except UnreachableError as error:
            reason = f"{reason}; {error.summary}: {error.why}"
            if is_refusal:
                break
            continue
        if present is not None and present.data == data:
            return present
        if (present and present.version) != (old and old.version):
            raise NotSettled(reason, is_moved=True)
        if is_refusal:  # a right that is missing, or a hook, says no again
            break
    raise NotSettled(reason, is_moved=False)
