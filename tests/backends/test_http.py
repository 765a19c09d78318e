"""State on a server of Terraform's protocol: the suite of all backends, for GitLab and for plain servers."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.cell import NotStored
from iac.backends.http.document import open_http
from iac.core.errors import CredentialsError, IacError, LockedError, StateError, UnreachableError
from iac.core.state.document import render_state
from iac.transport.http import Transport
from tests.backends.contract import RemoteContract
from tests.backends.given import EMPTY, HOLDER, written
from tests.backends.httpsite import HttpSite, PacedClock
from tests.backends.stateserver import LOGIN, PASSWORD, USER, GitLab, Plain, StateServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.backends.stateserver import Said


@pytest.fixture(params=[GitLab, Plain])
def server(request: pytest.FixtureRequest) -> Iterator[StateServer]:
    with serving(request.param()) as made:
        yield made


@pytest.fixture
def gitlab() -> Iterator[StateServer]:
    with serving(GitLab()) as made:
        yield made


@pytest.fixture
def plain() -> Iterator[StateServer]:
    with serving(Plain()) as made:
        yield made


@pytest.fixture
def remote(server: StateServer, tmp_path: Path) -> HttpSite:
    return HttpSite(tmp_path, server)


@pytest.fixture
def site(remote: HttpSite) -> HttpSite:
    return remote


class TestContract(RemoteContract):
    """A state on such a server keeps what every backend promises."""


def test_a_run_asks_for_no_more_than_it_needs(server: StateServer, remote: HttpSite) -> None:
    remote.begun()
    server.kinds()
    backend = remote.open()
    with backend.lock(HOLDER, timeout=0):
        state = backend.load()
        backend.save(state)
        backend.record([written("a")])
    assert ["lock", "read", "read", "write", "read", "write", "unlock"] == server.kinds()


def test_a_first_write_takes_the_lock_for_the_moment(server: StateServer, remote: HttpSite) -> None:
    remote.open().create(EMPTY)
    assert ["lock", "read", "write", "unlock"] == server.kinds()
    assert server.state.lock is None


def test_nobody_writes_past_a_run_that_holds_the_lock(server: StateServer, remote: HttpSite) -> None:
    remote.begun()
    late = remote.on("two")
    state = late.load()
    with remote.on("one").lock(HOLDER, timeout=0), pytest.raises(UnreachableError, match="cannot be written") as caught:
        late.save(state)
    assert HOLDER.run_id in caught.value.why
    assert 1 == len(server.state.versions or {})


@pytest.mark.parametrize("what", ["cut", "lost", "broke"])
@pytest.mark.parametrize("kind", ["lock", "read", "write", "unlock"])
def test_whatever_is_lost_of_an_exchange_a_save_lands_once(
    server: StateServer, remote: HttpSite, kind: str, what: str
) -> None:
    backend = remote.begun()
    server.trouble(kind, what)
    with backend.lock(HOLDER, timeout=0):
        saved = backend.save(replace(EMPTY, run_id="mine"))
    server.state.lock = None
    assert replace(EMPTY, serial=1, run_id="mine") == saved == remote.open().load()


@pytest.mark.parametrize("what", ["cut", "lost", "broke"])
@pytest.mark.parametrize("kind", ["lock", "read", "write", "unlock"])
def test_whatever_is_lost_of_an_exchange_a_state_is_made_once(
    server: StateServer, remote: HttpSite, kind: str, what: str
) -> None:
    server.trouble(kind, what)
    remote.open().create(EMPTY)
    assert EMPTY == remote.open().load()
    assert server.state.lock is None or (kind, what) == ("unlock", "cut")


def test_a_run_whose_lock_was_broken_writes_nothing_more(gitlab: StateServer, tmp_path: Path) -> None:
    """GitLab takes no write under an id that does not hold the lock, even where nobody holds it."""
    remote = HttpSite(tmp_path, gitlab)
    backend = remote.begun()
    with backend.lock(HOLDER, timeout=0):
        remote.on("two").unlock(HOLDER.run_id)
        with pytest.raises(StateError, match="cannot be written") as caught:
            backend.record([written("a")])
    (copy,) = remote.rescue("one").iterdir()
    assert str(copy) in caught.value.fix
    assert EMPTY == remote.on("two").load()


def test_a_run_whose_lock_is_another_s_now_writes_nothing_more(server: StateServer, remote: HttpSite) -> None:
    backend = remote.begun()
    with backend.lock(HOLDER, timeout=0):
        server.hold("4711")
        with pytest.raises(UnreachableError, match="cannot be written"):
            backend.save(EMPTY)
        server.state.lock = None
    assert EMPTY == remote.on("two").load()


def test_a_serial_that_was_taken_meanwhile_is_no_lost_answer(gitlab: StateServer, tmp_path: Path) -> None:
    remote = HttpSite(tmp_path, gitlab)
    backend = remote.begun()
    theirs = replace(EMPTY, serial=1, run_id="theirs")
    gitlab.trouble("write", lambda: gitlab.put(render_state(theirs).encode(), serial=1))
    with pytest.raises(StateError, match="changed by somebody else"):
        backend.save(replace(EMPTY, run_id="mine"))
    assert theirs == remote.open().load()


def test_an_empty_answer_where_no_state_is_does_not_stop_the_first_one(plain: StateServer, tmp_path: Path) -> None:
    remote = HttpSite(tmp_path, plain)
    plain.put(b"")
    remote.open().create(EMPTY)
    assert EMPTY == remote.open().load()


def test_a_state_cannot_be_emptied(remote: HttpSite) -> None:
    cell = remote.cell()
    with pytest.raises(NotStored, match="cannot empty") as caught:
        cell.clear(cell.swap(b'{"serial": 0}', None))
    assert caught.value.is_refusal


REFUSED = [
    ((401, b'{"message": "401 Unauthorized"}', "application/json"), CredentialsError, "does not accept the login"),
    ((403, b'{"message": "403 Forbidden"}', "application/json"), CredentialsError, "refuses this login"),
    ((302, b"", ""), UnreachableError, "an unusable answer"),
    ((200, b"<html>Sign in</html>", "text/html; charset=utf-8"), UnreachableError, "an unusable answer"),
    ((405, b"", ""), UnreachableError, "an unusable answer"),
    ((501, b"", ""), UnreachableError, "cannot be read"),
    ((418, b"", ""), UnreachableError, "an unusable answer"),
    ((500, b"<html>", "text/html"), UnreachableError, "cannot be read"),
    ((503, b"", ""), UnreachableError, "cannot be read"),
    ((429, b"", ""), UnreachableError, "cannot be read"),
]


@pytest.mark.parametrize(("said", "error", "words"), REFUSED)
def test_an_answer_that_is_no_state_is_never_taken_for_one(
    server: StateServer, remote: HttpSite, said: Said, error: type[UnreachableError], words: str
) -> None:
    remote.begun()
    server.trouble("read", said, times=99)
    with pytest.raises(UnreachableError, match=words) as caught:
        remote.open().load()
    assert error is type(caught.value)
    assert server.address == caught.value.where
    assert f"the server says {said[0]}" in caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize("said", [said for said, _, _ in REFUSED])
def test_an_answer_that_is_none_of_a_state_server_is_no_stored_state(
    server: StateServer, remote: HttpSite, said: Said
) -> None:
    backend = remote.begun()
    with backend.lock(HOLDER, timeout=0):
        server.trouble("write", said, times=99)
        with pytest.raises(UnreachableError, match="cannot be written") as caught:
            backend.save(EMPTY)
    assert f"the server says {said[0]}" in caught.value.why
    tries = server.kinds().count("write")
    assert (4 if said[0] in {429, 500, 501, 503} else 2) == tries  # with that of the first state


def test_a_state_that_the_login_may_not_see_is_not_made_anew(gitlab: StateServer, tmp_path: Path) -> None:
    """GitLab says 404 to strangers: reading cannot tell, locking can."""
    remote = HttpSite(tmp_path, gitlab)
    remote.begun()
    assert isinstance(gitlab.product, GitLab)
    gitlab.product.role = "stranger"
    with pytest.raises(StateError, match="there is no state"):
        remote.open().load()
    with pytest.raises(UnreachableError, match="cannot be written") as caught:
        remote.open().create(EMPTY)
    assert "404 Project Not Found" in caught.value.why


def test_who_may_only_read_plans_without_word_of_the_lock(gitlab: StateServer, tmp_path: Path) -> None:
    remote = HttpSite(tmp_path, gitlab)
    remote.begun()
    assert isinstance(gitlab.product, GitLab)
    gitlab.product.role = "developer"
    reader = remote.open()
    assert EMPTY == reader.load()
    assert reader.holder() is None
    with pytest.raises(CredentialsError, match="refuses this login") as caught, reader.lock(HOLDER, timeout=0):
        pass
    assert "Maintainer" in caught.value.fix


def test_a_server_that_is_not_there_ends_in_an_error(tmp_path: Path, gitlab: StateServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gitlab.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        backend = HttpSite(tmp_path, gitlab).open()
        for attempt in (backend.load, backend.holder, lambda: backend.create(EMPTY)):
            with pytest.raises(UnreachableError) as caught:
                attempt()
            assert "state.address" in caught.value.fix or "can be reached" in caught.value.fix


@pytest.mark.parametrize("kind", ["read", "lock", "write", "unlock"])
def test_a_server_that_hangs_ends_in_an_error(gitlab: StateServer, kind: str) -> None:
    gitlab.trouble(kind, "hang", times=99)
    cell, lock = open_http(gitlab.place, LOGIN, PacedClock(), Transport(timeout=0.15))
    started = time.monotonic()
    if kind == "unlock":
        cell.swap(b'{"serial": 0}', None)
        with pytest.raises(LockedError), lock.lock(HOLDER, timeout=0):
            pass
    else:
        with pytest.raises(NotStored):
            cell.swap(b'{"serial": 0}', None)
    assert time.monotonic() - started < 10


def test_neither_log_nor_error_holds_a_credential(server: StateServer, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where the server, or a proxy, repeats what it was sent."""
    caplog.set_level("DEBUG", "iac")
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    place = replace(server.place, address=server.address + "?token=hush-in-the-query")
    cell, lock = open_http(place, LOGIN, PacedClock(), Transport(timeout=5.0))
    told = []
    for status, words in itertools.product((400, 401, 403, 404, 409, 500), (basic, PASSWORD)):
        for kind in ("read", "write", "lock", "unlock"):
            said = json.dumps({"message": f"no: {words}", "ID": "4711", "Who": "ada"}).encode()
            server.trouble(kind, (status, said, "application/json"), times=2)
        for attempt in (cell.read, lock.holder, partial(lock.unlock, "x"), partial(cell.swap, b'{"serial": 0}', None)):
            try:
                attempt()
            except (IacError, NotStored) as error:
                told.append("".join(traceback.format_exception(error)) + str(error))
        server.troubles.clear()
        server.state.lock = None
    assert len(told) > 20
    assert [] == [secret for secret in (basic, PASSWORD, "hush-in-the-query") for text in told if secret in text]
    assert "409" in caplog.text
    assert [] == [secret for secret in (basic, PASSWORD, "hush-in-the-query") if secret in caplog.text]
