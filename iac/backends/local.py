"""What a run records on this machine: group commits, and the second copy of a state that is elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from iac import files, wait
from iac.core.errors import StateError
from iac.core.state.document import TextOrigin
from iac.core.state.journal import Journal, parse_journal
from iac.core.state.model import Event

GATHERING = 0.002
"""Seconds that a group stays open for more callers where the last one had several: an fsync costs 0.3 ms and more."""


LONGEST_WRITE = 900.0
"""Seconds; every write has limits of its own below this: deadlines of answers, and of commands of git."""


@dataclass(slots=True)
class _Group:
    """Events that become durable together."""

    events: list[Event] = field(default_factory=list)
    callers: int = 0
    is_done: bool = False
    error: StateError | None = None


class GroupCommit:
    """Turns many concurrent `record` calls into few calls of `write`. Thread-safe; it has no thread of its own.

    The first caller writes; those who come meanwhile form the next group, and one of them writes it for all. While
    groups are shared, each waits a moment for more callers; a caller who is alone waits for nobody.

    Args:
        write: makes events durable, or raises StateError; never called by two threads at once.
    """

    def __init__(self, write: Callable[[Sequence[Event]], None]) -> None:
        self._write = write
        self._turn = threading.Condition()
        self._is_writing = False
        self._is_shared = False
        self._next = _Group()

    def record(self, events: Sequence[Event]) -> None:
        """Return when these events are durable.

        Raises:
            StateError: the group could not be written; each of its callers gets an error of its own.
        """
        with self._turn:
            group = self._next
            group.events.extend(events)
            group.callers += 1
            if not self._turn.wait_for(lambda: group.is_done or not self._is_writing, timeout=LONGEST_WRITE):
                raise StateError(
                    "the state is not written",
                    why=f"a write that others wait for has not ended within {LONGEST_WRITE:g} s",
                    fix="see that the disk or the backend answers, and run it again: what was begun is ended",
                )
            is_leader = not group.is_done
            if is_leader:
                self._is_writing = True
        if is_leader:
            self._lead(group)
        if group.error:
            error = group.error
            raise StateError(error.summary, where=error.where, why=error.why, fix=error.fix)

    def _lead(self, group: _Group) -> None:
        try:
            self._close(group)
            self._write(group.events)
        except StateError as error:
            group.error = error
        except BaseException as error:
            group.error = StateError("the state cannot be written", why=f"{type(error).__name__} while writing it")
            raise
        finally:
            with self._turn:
                group.is_done = True
                self._is_writing = False
                self._turn.notify_all()

    def _close(self, group: _Group) -> None:
        with self._turn:
            try:
                if self._is_shared:
                    self._turn.wait(GATHERING)
            finally:
                self._next = _Group()
                self._is_shared = group.callers > 1


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a journal goes. `size`: bytes of the file; `length`: those that are whole batches of the document."""

    size: int = 0
    length: int = 0


class LocalJournal:
    """The journal in file `path`. It belongs to one lineage; its batches name the document that they go on from.

    Readers take no lock: a line that is being written is a torn one, which does not count. A writer finds out
    whether the file is as it was when it was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def where(self) -> str:
        """The file, for messages."""
        return str(self._path)

    def read(self, fix: str) -> tuple[Journal, int]:
        """The whole batches, and the size of the file; empty when there is none.

        Raises:
            StateError: it is damaged; `fix` is the way on.
        """
        try:
            data = wait.read(self._path)
        except FileNotFoundError:
            data = b""
        return parse_journal(data, TextOrigin(str(self._path), fix)), len(data)

    def is_at(self, extent: Extent) -> bool:
        """Whether nobody has written to the file since."""
        return self._size() == extent.size

    def append(self, line: bytes, extent: Extent) -> Extent | None:
        """Add a batch durably; None when this disk cannot take it, or somebody else has written to the file."""
        try:
            files.make_folder(self._path.parent)
            with files.moment(self._path.parent, is_writer=True):
                if not self.is_at(extent):
                    return None
                files.append(self._path, line, extent.length)
        except OSError:
            return None
        length = extent.length + len(line)
        return Extent(length, length)

    def clear(self) -> Extent:
        """Remove what the state holds now. What stays, for want of rights, is older than the state and is ignored."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return Extent(self._size(), 0)

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0
