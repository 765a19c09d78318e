"""Group commit: callers that come while a write is under way share the next one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iac.core.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iac.core.state import Event


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
