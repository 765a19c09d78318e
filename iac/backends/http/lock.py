"""A run's lock on a state server: the protocol's own, which the server keeps and fences writes with.

It cannot be renewed, so it is taken for an hour at least; a run that died leaves it until then, or until it is broken
by name. It cannot be read either: who holds it is found out by trying to take it, for a moment, with a lock that says
so by the time it is for. Everybody waits for such a moment, whatever their patience.
"""

from __future__ import annotations

import logging
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from iac.backends.cell import NotStored
from iac.backends.http.server import Cause, Failed, Held, StateServer, Taken, render_id
from iac.backends.note import is_over, not_held, refusal
from iac.core.errors import LockedError, UnreachableError
from iac.ports import Clock, Holder
from iac.ports.state import Lock

_log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
MOMENT = timedelta(seconds=30)
"""How long a look holds the lock, and how long everybody waits for a lock that is held for a look or for one write."""

POLL = 1.0
"""Seconds between two tries for a lock that a run holds."""

_GLANCE = 0.1  # seconds between the first two tries for a lock that is held for a moment; then half as long again
_TRIES = 3
_CALLS = 2  # beside those for the lock: the state is read and written


class HttpLock(Lock):
    """The lock of a state on a server.

    Args:
        server: of the state.
        clock: for waiting, and to tell whose time is over.
        environment: of the state, for the commands in messages.
        least: how long a run's lock is taken for at least.
    """

    def __init__(
        self, server: StateServer, clock: Clock, environment: str = "default", least: timedelta = HOUR
    ) -> None:
        # A lock that ended while its write was on the way would let another write in between, and then be lost.
        self._one_write = min(max(MOMENT, (_TRIES + _CALLS) * server.deadline), HOUR / 2)
        self._server = server
        self._clock = clock
        self._least = least
        self._unlock_command = f"iac {'' if environment == 'default' else f'--env {environment} '}state unlock"

    @contextmanager
    def moment(self) -> Iterator[str]:
        """Hold the lock for one write of somebody who holds none; its id.

        Raises:
            NotStored: a run holds it, or the server refuses.
        """
        lock_id = self._momentary(self._one_write)
        try:
            self._take(lock_id, timeout=0.0)
        except UnreachableError as error:
            raise NotStored(f"{error.summary}: {error.why}", is_refusal=not isinstance(error, LockedError)) from None
        try:
            yield lock_id
        finally:
            self._server.free(lock_id)

    def _lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]:
        return self._locked(holder, timeout)

    @contextmanager
    def _locked(self, holder: Holder, timeout: float) -> Iterator[None]:
        lock_id = render_id(self._extended(holder))
        self._take(lock_id, timeout)
        self._server.held = lock_id
        try:
            yield
        finally:
            self._server.held = ""
            self._release(holder, lock_id)

    def _holder(self) -> Holder | None:
        match self._probe():
            case Held(_, holder) if not is_over(holder, self._clock.now()) and not self._is_momentary(holder):
                return holder
            case Failed(error, cause) if cause is not Cause.REFUSED:
                raise error
        return None

    def _unlock(self, run_id: str) -> Holder:
        found = self._probe()
        if isinstance(found, Failed):
            raise found.error
        if isinstance(found, Taken):
            raise not_held(self._server.where, run_id, "nobody holds it")
        note = found.holder
        if note.run_id != run_id:
            held_by = f"it is held by {note.run_id} of {note.who}, since {note.since}"
            raise not_held(self._server.where, run_id, held_by)
        reason = self._server.free(found.lock_id)
        if reason:
            raise self._unusable(reason)
        return note

    def _probe(self) -> Taken | Held | Failed:
        """Who holds it: `Taken` when nobody does."""
        probe = self._momentary(MOMENT)
        found: Taken | Held | Failed = Taken()
        try:
            found = self._try(probe)
        finally:
            if isinstance(found, Taken):
                self._server.free(probe)
        return found

    def _take(self, lock_id: str, timeout: float) -> None:
        """Wait for the lock. However this ends but well, a lock of this id is not left behind."""
        try:
            self._wait(lock_id, self._clock.now() + timedelta(seconds=timeout))
        except LockedError:
            raise
        except BaseException:
            self._server.free(lock_id)
            raise

    def _wait(self, lock_id: str, deadline: datetime) -> None:
        taken_over, glance, patience = 0, _GLANCE, max(deadline, self._clock.now() + MOMENT)
        while True:
            match self._try(lock_id):
                case Taken():
                    return
                case Failed(error):
                    raise error
                case Held(held_id, holder) if is_over(holder, self._clock.now()) and taken_over < _TRIES:
                    taken_over += 1
                    self._take_over(held_id, holder)
                case Held(_, holder):
                    is_momentary = self._is_momentary(holder)
                    if self._clock.now() >= (patience if is_momentary else deadline):
                        raise self._locked_by(holder)
                    self._clock.sleep(glance if is_momentary else POLL)
                    glance = min(1.5 * glance, POLL)

    def _try(self, lock_id: str) -> Taken | Held | Failed:
        """Try for the lock, again where the server broke off."""
        for _ in range(_TRIES - 1):
            found = self._server.lock(lock_id)
            if not isinstance(found, Failed) or found.cause is not Cause.BROKE_OFF:
                return found
            self._clock.sleep(POLL)
        return self._server.lock(lock_id)

    def _take_over(self, held_id: str, holder: Holder) -> None:
        _log.warning("the lock of run %s of %s is over since %s: taken over", holder.run_id, holder.who, holder.expires)
        reason = self._server.free(held_id)
        if reason:
            _log.info("it could not be freed: %s", reason)

    def _release(self, holder: Holder, lock_id: str) -> None:
        reason = self._server.free(lock_id)
        if reason:
            command = f"{self._unlock_command} {holder.run_id}"
            _log.warning("the lock could not be freed (%s): it ends by itself, or at once by: %s", reason, command)

    def _extended(self, holder: Holder) -> Holder:
        """The holder, with the time that a lock is taken for here."""
        end = datetime.fromisoformat(holder.since) + self._least
        if end <= datetime.fromisoformat(holder.expires):
            return holder
        return replace(holder, expires=end.isoformat(timespec="seconds"))

    def _momentary(self, span: timedelta) -> str:
        now = self._clock.now()
        since, until = now.isoformat(timespec="seconds"), (now + span).isoformat(timespec="seconds")
        return render_id(Holder(self._clock.token(), f"{socket.gethostname()} pid {os.getpid()}", since, until))

    def _is_momentary(self, holder: Holder) -> bool:
        try:
            return datetime.fromisoformat(holder.expires) - datetime.fromisoformat(holder.since) <= self._one_write
        except (ValueError, TypeError):
            return False

    def _locked_by(self, holder: Holder) -> LockedError:
        fix = f"wait for that run; when it is gone for good: {self._unlock_command} {shlex.quote(holder.run_id)}"
        return refusal(self._server.where, holder, self._clock.now(), fix)

    def _unusable(self, reason: str) -> UnreachableError:
        return UnreachableError(
            "the state cannot be unlocked",
            where=self._server.where,
            why=reason,
            fix="see that the backend can be reached and that this login may write there",
        )
