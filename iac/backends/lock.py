"""A run's lock: the kernel's lock of a file, or a lease in a cell. A note says who holds it, for all backends alike.

The kernel frees its lock when the process dies. A lease is a note with an end, renewed while its run lasts; a run that
died leaves it, and others take it over when its time is over, or break it by name before. No lock can keep a run that
lost its own from writing: the compare and swap of the state does that.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import convert
from msgspec.structs import asdict, replace

from iac.backends.cell import Cell, NotStored, Stored
from iac.core.errors import LockedError, StateError, UnreachableError
from iac.ports import Clock, Holder, Lock

_log = logging.getLogger(__name__)

UNKNOWN = Holder("unknown", "unknown", "unknown", "unknown")
"""The holder of a lock whose note cannot be read."""


def render_note(holder: Holder) -> bytes:
    """The note of a lock: JSON with run_id, who, since and expires."""
    return json.dumps(asdict(holder), indent=2).encode() + b"\n"


def parse_note(data: bytes) -> Holder:
    """The holder that a note names; `UNKNOWN` when it cannot be read."""
    try:
        return convert(json.loads(data), Holder)
    except ValueError:
        return UNKNOWN


def unlock_command(environment: str) -> str:
    """The command that breaks a lock of this environment; the id of its run follows."""
    return f"iac {'' if environment == 'default' else f'--env {environment} '}state unlock"


def warn_taken_over(holder: Holder) -> None:
    """Log that a lock whose time was over was taken over."""
    _log.warning("the lock of run %s of %s is over since %s: taken over", holder.run_id, holder.who, holder.expires)


def warn_not_freed(reason: str, command: str) -> None:
    """Log that a run could not free its lock."""
    _log.warning("the lock could not be freed (%s): it ends by itself, or at once by: %s", reason, command)


def is_over(holder: Holder, now: datetime) -> bool:
    """Whether the time for which the lock was taken is over. A lock whose note cannot be read is not over."""
    beyond = _between(holder.expires, now)
    return beyond is not None and beyond > timedelta()


def refusal(where: str, holder: Holder, now: datetime, fix: str) -> LockedError:
    """The error for who meets a held lock."""
    return LockedError(
        "the state is locked by another run",
        where=where,
        why=f"run {holder.run_id} of {holder.who} holds it since {holder.since}{_age(holder, now)}{_end(holder, now)}",
        fix=fix,
    )


def not_held(where: str, run_id: str, why: str) -> StateError:
    """The error for who breaks the lock of a run that does not hold it."""
    return StateError(
        "this run does not hold the lock",
        where=f"{where}, run {run_id}",
        why=why,
        fix="run the command that was refused again: its message names the run that holds the lock",
    )


def held_by(where: str, run_id: str, holder: Holder) -> Holder:
    """The holder of the lock to break, when it is this run; else the error of `not_held`."""
    if holder.run_id != run_id:
        raise not_held(where, run_id, f"it is held by {holder.run_id} of {holder.who}, since {holder.since}")
    return holder


def _age(holder: Holder, now: datetime) -> str:
    duration = _between(holder.since, now)
    if duration is None:
        return ""
    hours, rest = divmod(max(int(duration.total_seconds()), 0), 3600)
    return f" ({hours} h {rest // 60} min {rest % 60} s)"


def _end(holder: Holder, now: datetime) -> str:
    is_said = _between(holder.expires, now) is not None
    return f" and said it would be done by {holder.expires}" if is_said else " and does not say until when"


def _between(text: str, now: datetime) -> timedelta | None:
    try:
        return now - datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None


_POLL = 0.05
_LIMIT = 4096


@contextmanager
def locked(path: Path, holder: Holder, clock: Clock, *, timeout: float) -> Iterator[None]:
    """Hold the lock in file `path`; waits `timeout` seconds.

    Raises:
        LockedError: somebody else still holds it; says who and for how long.
        StateError: the file cannot be made or locked.
    """
    try:
        file = _acquire(path, holder, clock, clock.now() + timedelta(seconds=timeout))
    except OSError as error:
        raise StateError(
            "the state cannot be locked",
            where=str(path),
            why=str(error.strerror),
            fix="keep the state on a local disk with room on it, in a directory that you may write to",
        ) from error
    try:
        yield
    finally:
        os.close(file)


def _acquire(path: Path, holder: Holder, clock: Clock, deadline: datetime) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _wait(path, file, clock, deadline)
        os.ftruncate(file, 0)
        os.pwrite(file, render_note(holder), 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _wait(path: Path, file: int, clock: Clock, deadline: datetime) -> None:
    # A blocking flock has no deadline, so the lock is tried for again and again.
    while not _try_lock(file, fcntl.LOCK_EX):
        if clock.now() >= deadline:
            raise refusal(
                str(path),
                _read(file),
                clock.now(),
                "wait for that run, or end its process: a process that is gone holds no lock",
            )
        clock.sleep(_POLL)


def holder_of(path: Path) -> Holder | None:
    """The holder of the lock in file `path`; None when it is free. A note that a dead process left does not count."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(file, fcntl.LOCK_SH) else _read(file)
    finally:
        os.close(file)


def unlock(path: Path, run_id: str) -> Holder:
    """Clear the note that a dead run left in the lock file; the holder that it names.

    Raises:
        LockedError: the run is alive: the kernel frees the lock when its process ends, and nothing else does.
        StateError: this run does not hold the lock.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise not_held(str(path), run_id, "no run has locked this state yet") from None
    try:
        is_free = _try_lock(file, fcntl.LOCK_EX)
        note = _read(file)
        if note.run_id != run_id:
            holding = "nobody holds it; the last run to hold it was" if is_free else "it is held by"
            raise not_held(str(path), run_id, f"{holding} {note.run_id} of {note.who}, since {note.since}")
        if not is_free:
            raise LockedError(
                "the run that has the lock is alive, so its lock stays",
                where=str(path),
                why=f"run {note.run_id} of {note.who} holds it since {note.since}",
                fix="wait for that run, or end its process (its pid is above): then the lock is free",
            )
        os.ftruncate(file, 0)
        return note
    finally:
        os.close(file)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: int) -> Holder:
    """The note in a locked file; between locking and writing it there is none for a moment."""
    return parse_note(os.pread(file, _LIMIT, 0))


POLL = 0.5
"""Seconds between two looks at a lock that is held."""

LONGEST_RENEWAL = 120.0
"""Seconds that the end of a run waits for a renewal that is under way."""

TRIES = 8
"""Tries in a row for a lock that nobody holds, before the place counts as unusable."""


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
        note = held_by(self._cell.where, run_id, parse_note(stored.data))
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
        """Whether the lock is free; a note that cannot be read counts as held."""
        return stored is None or not stored.data or is_over(parse_note(stored.data), self._clock.now())

    def _until_free(self, stored: Stored | None, deadline: datetime) -> Stored | None:
        """Wait until the lock is free; the value that is in its place then."""
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
    """Extends a held lock at half its time, again and again, in a thread of its own.

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
