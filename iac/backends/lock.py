"""A run's lock in a file: the kernel frees it when its process dies. The locked file holds a note of who holds it.

The note, and the errors that repeat it, are the same for all backends.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from iac.core.errors import LockedError, StateError
from iac.ports import Clock, Holder

_log = logging.getLogger(__name__)

_MEMBERS = ("run_id", "who", "since", "expires")
UNKNOWN = Holder("unknown", "unknown", "unknown", "unknown")
"""The holder of a lock whose note cannot be read."""


def render_note(holder: Holder) -> bytes:
    """The note of a lock: JSON with run_id, who, since and expires."""
    return json.dumps({name: getattr(holder, name) for name in _MEMBERS}, indent=2).encode() + b"\n"


def parse_note(data: bytes) -> Holder:
    """Who a note names; `UNKNOWN` when it is none."""
    try:
        members = json.loads(data)
        return Holder(*(str(members[name]) for name in _MEMBERS))
    except (ValueError, KeyError, TypeError):
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


def _age(holder: Holder, now: datetime) -> str:
    held = _between(holder.since, now)
    if held is None:
        return ""
    hours, rest = divmod(max(int(held.total_seconds()), 0), 3600)
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
_WAIT = "wait for that run, or end its process: a process that is gone holds no lock"


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
    while not _try(file, fcntl.LOCK_EX):
        if clock.now() >= deadline:
            raise refusal(str(path), _read(file), clock.now(), _WAIT)
        clock.sleep(_POLL)


def holder_of(path: Path) -> Holder | None:
    """Who holds the lock in file `path`; None when nobody does. A note that a dead process left does not count."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _try(file, fcntl.LOCK_SH) else _read(file)
    finally:
        os.close(file)


def unlock(path: Path, run_id: str) -> Holder:
    """Clear the note that a run which is gone left in the lock file; what it said.

    Raises:
        LockedError: the run is alive: the kernel frees the lock when its process ends, and nothing else does.
        StateError: this run does not hold the lock.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise not_held(str(path), run_id, "no run has locked this state yet") from None
    try:
        is_free = _try(file, fcntl.LOCK_EX)
        note = _read(file)
        if note.run_id != run_id:
            last = "nobody holds it; the last run to hold it was" if is_free else "it is held by"
            raise not_held(str(path), run_id, f"{last} {note.run_id} of {note.who}, since {note.since}")
        if not is_free:
            raise LockedError(
                "the run that holds the lock is alive, so its lock stays",
                where=str(path),
                why=f"run {note.run_id} of {note.who} holds it since {note.since}",
                fix="wait for that run, or end its process (its pid is above): then the lock is free",
            )
        os.ftruncate(file, 0)
        return note
    finally:
        os.close(file)


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: int) -> Holder:
    """The note in a locked file; between locking and writing it there is none for a moment."""
    return parse_note(os.pread(file, _LIMIT, 0))
