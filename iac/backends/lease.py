"""A run's lock in a cell: a note of who holds it and until when, renewed while its run lasts.

A run that died leaves its note, which others take over when its time is over, or break by name before. No lock can keep
a run that lost its own from writing: the compare and swap of the state does that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.lock import (
    is_over,
    not_held,
    parse_note,
    refusal,
    render_note,
    unlock_command,
    warn_not_freed,
    warn_taken_over,
)
from iac.core.errors import UnreachableError
from iac.ports import Clock, Holder, Lock

POLL = 0.5
"""Seconds between two looks at a lock that is held."""

LONGEST_RENEWAL = 120.0
"""Seconds that the end of a run waits for a renewal that is under way."""

TRIES = 8
"""How often in a row a lock that nobody holds is tried for in vain, before the place counts as unusable."""


class Lease(Lock):
    """The lock in `cell`.

    Args:
        cell: where the note is.
        clock: for waiting, and to tell whose time is over.
        environment: of the state, for the commands in messages.
    """

    def __init__(self, cell: Cell, clock: Clock, environment: str = "default") -> None:
        self._cell = cell
        self._clock = clock
        self._unlock_command = unlock_command(environment)

    @contextmanager
    def _lock(self, holder: Holder, *, timeout: float) -> Iterator[None]:
        stored = self._acquire(holder, self._clock.now() + timedelta(seconds=timeout))
        renewal = Renewal(self._cell, self._clock, holder, stored)
        renewal.start()
        try:
            yield
        finally:
            self._release(holder, renewal.stop())

    def _holder(self) -> Holder | None:
        stored = self._cell.read()
        return None if stored is None or self._is_free(stored) else parse_note(stored.data)

    def _unlock(self, run_id: str) -> Holder:
        stored = self._cell.read()
        if stored is None or not stored.data:
            raise not_held(self._cell.where, run_id, "nobody holds it")
        note = parse_note(stored.data)
        if note.run_id != run_id:
            raise not_held(self._cell.where, run_id, f"it is held by {note.run_id} of {note.who}, since {note.since}")
        try:
            self._cell.clear(stored)
        except NotStored as failure:
            raise self._unusable(failure.reason) from None
        return note

    def _acquire(self, holder: Holder, deadline: datetime) -> Stored:
        """The note as written. A place that is empty, or whose holder's time is over, is tried for."""
        note = render_note(holder)
        # The first swap is for an empty place, unread: most locks are free, and a read would be a request more.
        old: Stored | None = None
        tries = 0
        while True:
            try:
                return self._cell.swap(note, old)
            except NotStored as failure:
                reason, is_refusal = failure.reason, failure.is_refusal
            # Whether the swap took effect is read, not guessed: its answer may have been lost on the way back.
            old = self._cell.read()
            if old is not None and old.data == note:
                return old
            # A lock that is over counts as free: who may read but not write would try to take it over for ever.
            if self._is_free(old):
                tries += 1
                if is_refusal or tries == TRIES:
                    raise self._unusable(reason)
            else:
                tries = 0
            old = self._until_free(old, deadline)

    def _is_free(self, stored: Stored | None) -> bool:
        """Whether nobody holds the lock any more; a note that cannot be read is somebody's."""
        return stored is None or not stored.data or is_over(parse_note(stored.data), self._clock.now())

    def _until_free(self, stored: Stored | None, deadline: datetime) -> Stored | None:
        """What stands where the note is to go, as soon as that is nobody's any more."""
        while stored and stored.data:
            note = parse_note(stored.data)
            if is_over(note, self._clock.now()):
                warn_taken_over(note)
                break
            if self._clock.now() >= deadline:
                fix = f"wait for that run; when it is gone for good: {self._unlock_command} {note.run_id}"
                raise refusal(self._cell.where, note, self._clock.now(), fix)
            self._clock.sleep(POLL)
            stored = self._cell.read()
        return stored

    def _release(self, holder: Holder, stored: Stored) -> None:
        # It is tried once: the run has ended, and a lock that stays ends by itself.
        try:
            self._cell.clear(stored)
        except NotStored as failure:
            with suppress(UnreachableError):
                if not _is_of(holder, self._cell.read()):
                    return
            warn_not_freed(failure.reason, f"{self._unlock_command} {holder.run_id}")

    def _unusable(self, reason: str) -> UnreachableError:
        return UnreachableError(
            "the state cannot be locked",
            where=self._cell.where,
            why=reason,
            fix="see that this disk has room, the backend can be reached and this login may write there",
        )


def _is_of(holder: Holder, stored: Stored | None) -> bool:
    return stored is not None and parse_note(stored.data).run_id == holder.run_id


class Renewal:
    """Puts the end of a held lock off, at half its time, again and again, in a thread of its own.

    Args:
        cell: where the note is.
        clock: for the new end.
        holder: whose lock it is; the time between `since` and `expires` is what each renewal adds.
        stored: the note as it was written.
    """

    def __init__(self, cell: Cell, clock: Clock, holder: Holder, stored: Stored) -> None:
        self._cell = cell
        self._clock = clock
        self._holder = holder
        self._stored = stored
        self._span = datetime.fromisoformat(holder.expires) - datetime.fromisoformat(holder.since)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="iac-lease", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> Stored:
        """End, and the note as it is now."""
        self._end.set()
        self._thread.join(LONGEST_RENEWAL)  # one that hangs in the network ends with the process
        return self._stored

    def _run(self) -> None:
        while not self._end.wait(self._span.total_seconds() / 2):
            expires = (self._clock.now() + self._span).isoformat(timespec="seconds")
            note = render_note(replace(self._holder, expires=expires))
            # A renewal that failed is not repeated at once: half of the time is left, and the next one may succeed.
            try:
                self._stored = self._cell.swap(note, self._stored)
            except NotStored:
                if not self._is_ours():
                    return

    def _is_ours(self) -> bool:
        """Whether the lock is still this run's, the renewal having come through or not."""
        with suppress(UnreachableError):
            stored = self._cell.read()
            if stored is None or not _is_of(self._holder, stored):
                return False
            # The renewal may have come through without an answer; the next swap must name what stands there now.
            self._stored = stored
        return True
