"""State on a server that speaks Terraform's state protocol, as GitLab does.

The protocol has no compare and swap, but a lock that the server keeps. A swap is done under it: that of this run, or
one for the moment. The state is read, compared with what it is to take the place of, and replaced.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.http import HttpPlace
from iac.backends.http.lock import HttpLock
from iac.backends.http.server import StateServer, Target, Targets
from iac.backends.remote import open_remote
from iac.core.errors import InputError
from iac.core.origin import Address
from iac.core.secret import Secret
from iac.ports import Clock, Lock, StateBackend
from iac.ports.site import Site
from iac.transport.client import Transport

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
        with nullcontext(self._server.held) if self._server.held else self._lock.moment() as lock_id:
            if not _is_same(self._read(), old):
                raise NotStored("something else is there")
            self._server.write(data, lock_id)
        return _stored(data)

    def _clear(self, old: Stored) -> None:  # the protocol has no such request
        raise NotStored("the protocol cannot empty a state", is_refusal=True)


def _stored(data: bytes) -> Stored:
    return Stored(data, hashlib.sha256(data).hexdigest())


def _is_same(found: Stored | None, old: Stored | None) -> bool:
    """Some servers answer an empty body where no state is: nothing is lost when it is replaced."""
    if old is None:
        return found is None or not found.data
    return found == old


def targets(place: HttpPlace) -> Targets:
    """Where the requests of the protocol go.

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
    return Targets(
        Target(update, place.update_method), Target(lock, place.lock_method), Target(unlock, place.unlock_method)
    )


def _address(key: str, url: str) -> Address:
    address = Address.parse(url)
    if address is None:
        raise InputError(
            "the state's address is no usable URL",
            where=f"state.{key}",
            fix="give an https URL, or http on localhost, without a login in it: that goes to state.username"
            " and state.password",
        )
    return address
