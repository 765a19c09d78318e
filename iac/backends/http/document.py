"""State on a server that speaks Terraform's state protocol, as GitLab does.

The protocol has no compare and swap, but a lock that the server keeps. A swap is done under it: that of this run, or
one for the moment. The state is read, compared with what it is to take the place of, and replaced.

The run's lock is the protocol's own, which the server keeps and fences writes with. It cannot be renewed, so it is
taken for an hour at least; a run that died leaves it until then, or until it is broken by name. It cannot be read
either: who holds it is found out by trying to take it, for a moment, with a lock that says so by the time it is for.
Everybody waits for such a moment, whatever their patience.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

from msgspec.structs import replace

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.http import HttpPlace
from iac.backends.http.server import (
    LockFailure,
    LockHeld,
    LockTaken,
    LockUnknown,
    StateServer,
    StateTarget,
    render_id,
)
from iac.backends.lock import held_by, is_over, not_held, refusal, unlock_command, warn_not_freed, warn_taken_over
from iac.backends.remote import open_remote
from iac.core.errors import InputError, LockedError, UnreachableError
from iac.core.origin import Address
from iac.core.secret import Secret
from iac.ports import Clock, Holder, Lock, Site, StateBackend
from iac.transport.http import Transport

_log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
MOMENT = timedelta(seconds=30)
"""The time for which a look holds the lock. Everybody waits so long for a lock that is held for a look or one write."""

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
        self._unlock_command = unlock_command(environment)

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

    @contextmanager
    def _lock(self, holder: Holder, *, timeout: float) -> Iterator[None]:
        lock_id = render_id(self._extended(holder))
        self._take(lock_id, timeout)
        self._server.held = lock_id
        try:
            yield
        finally:
            self._server.held = ""
            # It is tried once: the run has ended, and a lock that stays ends by itself.
            if reason := self._server.free(lock_id):
                warn_not_freed(reason, f"{self._unlock_command} {holder.run_id}")

    def _holder(self) -> Holder | None:
        match self._probe():
            case LockHeld(_, holder) if not is_over(holder, self._clock.now()) and not self._is_momentary(holder):
                return holder
            case LockUnknown(error, cause) if cause is not LockFailure.REFUSED:
                raise error
        return None

    def _unlock(self, run_id: str) -> Holder:
        outcome = self._probe()
        if isinstance(outcome, LockUnknown):
            raise outcome.error
        if isinstance(outcome, LockTaken):
            raise not_held(self._server.where, run_id, "nobody holds it")
        note = held_by(self._server.where, run_id, outcome.holder)
        if reason := self._server.free(outcome.lock_id):
            raise UnreachableError(
                "the state cannot be unlocked",
                where=self._server.where,
                why=reason,
                fix="see that the backend can be reached and that this login may write there",
            )
        return note

    def _probe(self) -> LockTaken | LockHeld | LockUnknown:
        """Find out who holds the lock: `LockTaken` when nobody does."""
        probe = self._momentary(MOMENT)
        outcome: LockTaken | LockHeld | LockUnknown = LockTaken()
        try:
            outcome = self._try_lock(probe)
        finally:
            if isinstance(outcome, LockTaken):
                self._server.free(probe)
        return outcome

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
            match self._try_lock(lock_id):
                case LockTaken():
                    return
                case LockUnknown(error):
                    raise error
                case LockHeld(held_id, holder) if is_over(holder, self._clock.now()) and taken_over < _TRIES:
                    taken_over += 1
                    warn_taken_over(holder)
                    if reason := self._server.free(held_id):
                        _log.info("it could not be freed: %s", reason)
                case LockHeld(_, holder):
                    is_momentary = self._is_momentary(holder)
                    if self._clock.now() >= (patience if is_momentary else deadline):
                        command = f"{self._unlock_command} {shlex.quote(holder.run_id)}"
                        fix = f"wait for that run; when it is gone for good: {command}"
                        raise refusal(self._server.where, holder, self._clock.now(), fix)
                    self._clock.sleep(glance if is_momentary else POLL)
                    glance = min(1.5 * glance, POLL)

    def _try_lock(self, lock_id: str) -> LockTaken | LockHeld | LockUnknown:
        """Try for the lock, again where the server broke off."""
        # GitLab breaks off, too, when the lock that it was to describe was freed meanwhile.
        for _ in range(_TRIES - 1):
            answer = self._server.lock(lock_id)
            if not isinstance(answer, LockUnknown) or answer.cause is not LockFailure.BROKE_OFF:
                return answer
            self._clock.sleep(POLL)
        return self._server.lock(lock_id)

    def _extended(self, holder: Holder) -> Holder:
        """The holder, with the time that a lock is taken for here."""
        end = datetime.fromisoformat(holder.since) + self._least
        is_long_enough = end <= datetime.fromisoformat(holder.expires)
        return holder if is_long_enough else replace(holder, expires=end.isoformat(timespec="seconds"))

    def _momentary(self, span: timedelta) -> str:
        now = self._clock.now()
        since, until = now.isoformat(timespec="seconds"), (now + span).isoformat(timespec="seconds")
        return render_id(Holder(self._clock.token(), f"{socket.gethostname()} pid {os.getpid()}", since, until))

    def _is_momentary(self, holder: Holder) -> bool:
        try:
            return datetime.fromisoformat(holder.expires) - datetime.fromisoformat(holder.since) <= self._one_write
        except (ValueError, TypeError):
            return False


Login = tuple[str, Secret | None]


def open_backend(place: HttpPlace, site: Site) -> StateBackend:
    """The state of an environment on a server."""
    name, password = (site.read(source) for source in place.login)
    transport = Transport(
        timeout=site.timeout, deadline=site.deadline, ca_bundle=site.network.ca, proxy=site.network.proxy
    )
    login = (name.reveal() if name else "", password)
    return open_remote(site, *open_http(place, login, site.clock, transport, site.environment))


def open_http(
    place: HttpPlace, login: Login, clock: Clock, transport: Transport, environment: str = "default"
) -> tuple[Cell, Lock]:
    """The cell of the document, and the run's lock. Nothing is sent before their first use.

    Args:
        place: where the state is.
        login: name ("" for none) and password of HTTP's basic authentication (RFC 7617).
        clock: for waiting, and to tell whose time is over.
        transport: how the server is reached: timeout, certificates, proxy.
        environment: of the state, for the commands in messages.

    Raises:
        InputError: an address cannot be one, or credentials would go to two servers.
    """
    server = StateServer(targets(place), login, clock, transport)
    lock = HttpLock(server, clock, environment)
    return HttpCell(server, lock), lock


class HttpCell(Cell):
    """The document on a server.

    Args:
        server: of the state.
        lock: the run's, and where that is not held the one for the moment.
    """

    def __init__(self, server: StateServer, lock: HttpLock) -> None:
        self.where = server.where
        self._server = server
        self._lock = lock

    def _read(self) -> Stored | None:
        data = self._server.read()
        return None if data is None else _stored(data)

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        # Read and write are one step only under a lock: the run's own, or where it holds none, one for this moment.
        with nullcontext(self._server.held) if self._server.held else self._lock.moment() as lock_id:
            if not _is_same(self._read(), old):
                raise NotStored("something else is there")
            self._server.write(data, lock_id)
        return _stored(data)

    def _clear(self, old: Stored) -> None:
        raise NotStored("the protocol cannot empty a state", is_refusal=True)


def _stored(data: bytes) -> Stored:
    return Stored(data, hashlib.sha256(data).hexdigest())


def _is_same(present: Stored | None, old: Stored | None) -> bool:
    """Some servers answer an empty body where no state is: nothing is lost when it is replaced."""
    if old is None:
        return present is None or not present.data
    return present == old


def targets(place: HttpPlace) -> tuple[StateTarget, StateTarget, StateTarget]:
    """The addresses and methods of the protocol's requests: update, lock, unlock.

    Raises:
        InputError: an address cannot be one, or credentials would go to two servers.
    """
    update = _address("address", place.address)
    lock, unlock = _address("lock_address", place.lock_address), _address("unlock_address", place.unlock_address)
    for key, address in (("lock_address", lock), ("unlock_address", unlock)):
        if address.origin != update.origin:
            raise InputError(
                "the state and its lock are on two servers",
                where=f"state.{key}",
                why=f"credentials go to {update.origin} only",
                fix=f"set state.{key} to an address that begins with {update.origin}/",
            )
    return (
        StateTarget(update, place.update_method),
        StateTarget(lock, place.lock_method),
        StateTarget(unlock, place.unlock_method),
    )


def _address(key: str, url: str) -> Address:
    address = Address.parse(url)
    if address is None:
        raise InputError(
            "the state's address is not a usable URL",
            where=f"state.{key}",
            fix="give an https URL, or http on localhost, without a login in it: that goes to state.username"
            " and state.password",
        )
    return address
