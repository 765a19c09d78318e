"""A run's lock on a state server: how it is named, waited for, taken over, shown and broken."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.backends.http import HttpPlace
from iac.backends.http.document import open_http
from iac.backends.http.server import LONGEST_ID, parse_holder, render_id
from iac.core.errors import InputError, LockedError, StateError, UnreachableError
from iac.core.secret import Secret
from iac.ports import Holder
from iac.transport.http import Transport
from tests.backends.given import HOLDER
from tests.backends.httpsite import HttpSite, PacedClock
from tests.backends.stateserver import DESCRIPTION, LOGIN, PASSWORD, USER, GitLab, Plain, StateServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.backends.http.document import HttpLock
    from tests.backends.stateserver import Said

NOBODY = ("", None)
FOREIGN = "3d20d141-88c4-bb14-d677-88c5c9ec329a"
PROBE = Holder("probe", "another", "2026-11-23T11:59:50Z", "2026-11-23T12:00:20Z")
PROXY = "https://git.example.org/state"


def place_with(key: str, url: str) -> HttpPlace:
    """A place, one of whose addresses is another."""
    urls = {"address": PROXY, "lock_address": PROXY, "unlock_address": PROXY, key: url}
    return HttpPlace(urls["address"], urls["lock_address"], urls["unlock_address"])


@pytest.fixture(params=[GitLab, Plain])
def server(request: pytest.FixtureRequest) -> Iterator[StateServer]:
    with serving(request.param()) as made:
        yield made


@pytest.fixture
def plain() -> Iterator[StateServer]:
    with serving(Plain()) as made:
        yield made


@pytest.fixture
def clock() -> PacedClock:
    return PacedClock()


@pytest.fixture
def lock(server: StateServer, clock: PacedClock, tmp_path: Path) -> HttpLock:
    return HttpSite(tmp_path, server).run_lock(clock)


@given(
    st.builds(
        Holder,
        run_id=st.text("0123456789abcdef", min_size=1, max_size=32),
        who=st.text(st.characters(categories=["L", "N", "P"], include_characters=" "), max_size=100),
        since=st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat(timespec="seconds")),
        expires=st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat(timespec="seconds")),
    )
)
def test_a_lock_s_id_says_who_holds_it(holder: Holder) -> None:
    assert holder == parse_holder(render_id(holder), "of the server", "of the server")


def test_a_lock_s_id_is_as_long_as_the_server_takes() -> None:
    long = replace(HOLDER, who="x" * 999)
    assert LONGEST_ID == len(render_id(long))
    assert replace(long, who="x" * 198) == replace(parse_holder(render_id(long), "", ""), who="x" * 198)


@pytest.mark.parametrize(
    ("lock_id", "who", "created", "holder"),
    [
        (FOREIGN, "ada", "2026-11-23T11:00:00Z", Holder(FOREIGN, "ada", "2026-11-23T11:00:00Z", "unknown")),
        ("", "", "", Holder("unknown", "unknown", "unknown", "unknown")),
        ("\x1b[31m", "\u202eada", "", Holder("\\u001b[31m", "\\u202eada", "unknown", "unknown")),
    ],
)
def test_a_lock_of_another_program_is_what_the_server_says_of_it(
    lock_id: str, who: str, created: str, holder: Holder
) -> None:
    assert holder == parse_holder(lock_id, who, created)


def test_a_lock_is_described_as_the_protocol_wants_it(server: StateServer, lock: HttpLock) -> None:
    with lock.lock(HOLDER, timeout=0):
        pass
    asked, freed = server.asked
    assert {name: type(value) for name, value in json.loads(asked.body).items()} == dict.fromkeys(DESCRIPTION, str)
    assert asked.body == freed.body
    assert render_id(HOLDER) == freed.query["ID"]


def test_a_lock_of_a_run_is_for_an_hour_at_least(server: StateServer, clock: PacedClock) -> None:
    _, lock = open_http(server.place, LOGIN, clock, Transport(timeout=5.0))
    long = replace(HOLDER, expires="2026-11-23T15:00:00+00:00")
    for holder, expires in ((HOLDER, "2026-11-23T12:58:57+00:00"), (long, long.expires)):
        with lock.lock(holder, timeout=0):
            assert replace(holder, expires=expires) == lock.holder()


def test_a_lock_of_another_program_is_never_over(server: StateServer, lock: HttpLock, clock: PacedClock) -> None:
    server.hold(FOREIGN)
    clock.time += timedelta(days=999)
    held = lock.holder()
    assert held is not None
    assert (FOREIGN, "2026-11-23T11:00:00Z") == (held.run_id, held.since[:19] + "Z")
    with pytest.raises(LockedError) as caught, lock.lock(HOLDER, timeout=3):
        pass
    assert f"run {FOREIGN} of root" in caught.value.why
    assert "does not say until when" in caught.value.why
    assert f"iac state unlock {FOREIGN}" in caught.value.fix


def test_a_lock_of_another_program_is_broken_by_its_id(server: StateServer, lock: HttpLock) -> None:
    server.hold(FOREIGN)
    assert "root" == lock.unlock(FOREIGN).who
    assert server.state.lock is None


def test_a_server_that_says_nothing_of_the_holder_is_still_locked(plain: StateServer, tmp_path: Path) -> None:
    lock = HttpSite(tmp_path, plain).run_lock(PacedClock())
    assert isinstance(plain.product, Plain)
    plain.product.is_silent = True
    plain.hold(FOREIGN)
    with pytest.raises(LockedError) as caught, lock.lock(HOLDER, timeout=0):
        pass
    assert "iac state unlock unknown" in caught.value.fix
    assert "unknown" == lock.unlock("unknown").run_id
    assert plain.state.lock is None


def test_a_run_waits_for_a_moment_s_lock_whatever_its_patience(
    server: StateServer, lock: HttpLock, clock: PacedClock
) -> None:
    server.hold(render_id(PROBE))
    with lock.lock(HOLDER, timeout=0):
        assert clock.time > datetime(2026, 11, 23, 12, 0, 20, tzinfo=UTC)
    assert server.state.lock is None


def test_a_lock_for_one_write_outlasts_its_requests(
    server: StateServer, lock: HttpLock, clock: PacedClock, tmp_path: Path
) -> None:
    other = HttpSite(tmp_path, server).run_lock(clock)
    began = clock.time
    with lock.moment() as lock_id:
        assert other.holder() is None
        with pytest.raises(LockedError) as caught, other.lock(HOLDER, timeout=0):
            pass
        assert timedelta(seconds=30) <= clock.time - began < timedelta(minutes=1)
        assert parse_holder(lock_id, "", "").run_id in caught.value.fix
        clock.time = began + timedelta(seconds=4 * Transport().deadline)
        with pytest.raises(LockedError), other.lock(HOLDER, timeout=0):
            pass
    with other.lock(HOLDER, timeout=0):
        assert server.state.lock


def test_a_moment_s_lock_is_nobody_s(server: StateServer, lock: HttpLock) -> None:
    server.hold(render_id(PROBE))
    assert lock.holder() is None


def test_who_holds_it_is_found_out_without_a_trace(server: StateServer, lock: HttpLock) -> None:
    assert lock.holder() is None
    assert server.state.lock is None
    assert ["lock", "unlock"] == server.kinds()


@pytest.mark.parametrize("what", ["lost", "broke"])
def test_who_holds_it_is_found_out_without_a_trace_though_answers_are_lost(
    server: StateServer, lock: HttpLock, what: str
) -> None:
    server.trouble("lock", what)
    assert lock.holder() is None
    assert server.state.lock is None


@pytest.mark.parametrize("status", [401, 403, 404, 405, 501])
def test_a_server_without_locks_is_not_written_to(server: StateServer, tmp_path: Path, status: int) -> None:
    remote = HttpSite(tmp_path, server)
    server.trouble("lock", (status, b"", ""), times=99)
    lock = remote.run_lock(PacedClock())
    assert lock.holder() is None
    with pytest.raises(UnreachableError) as caught, lock.lock(HOLDER, timeout=60):
        pass
    assert f"the server says {status}" in caught.value.why
    assert caught.value.fix
    with pytest.raises(UnreachableError, match=re.escape(caught.value.summary)):
        lock.unlock("run-8")
    assert "write" not in server.kinds()


def test_a_server_that_breaks_off_is_asked_again_and_then_told_of(server: StateServer, lock: HttpLock) -> None:
    server.trouble("lock", (500, b"", ""), times=2)
    with lock.lock(HOLDER, timeout=0):
        pass
    server.trouble("lock", (500, b"", ""), times=99)
    with pytest.raises(UnreachableError, match="cannot be locked") as caught, lock.lock(HOLDER, timeout=0):
        pass
    assert "the server says 500" in caught.value.why
    with pytest.raises(UnreachableError, match="cannot be locked"):
        lock.holder()


@pytest.mark.parametrize("said", [(500, b"", ""), (403, b"", "")])
def test_a_lock_that_cannot_be_freed_is_told_with_the_command(
    server: StateServer, clock: PacedClock, caplog: pytest.LogCaptureFixture, said: Said
) -> None:
    _, lock = open_http(server.place, LOGIN, clock, Transport(timeout=5.0), "prod")
    with lock.lock(HOLDER, timeout=0):
        server.trouble("unlock", said, times=99)
    assert f"the server says {said[0]}" in caplog.text
    assert f"iac --env prod state unlock {HOLDER.run_id}" in caplog.text
    with pytest.raises(UnreachableError, match="cannot be unlocked"):
        lock.unlock(HOLDER.run_id)


def test_a_lock_that_is_over_and_cannot_be_freed_is_refused_in_the_end(server: StateServer, lock: HttpLock) -> None:
    server.hold(render_id(replace(HOLDER, expires="2026-11-23T11:59:58Z")))
    server.trouble("unlock", (500, b"", ""), times=99)
    with pytest.raises(LockedError), lock.lock(replace(HOLDER, run_id="run-8"), timeout=2):
        pass


def test_an_interrupted_wait_leaves_no_lock_behind(
    server: StateServer, lock: HttpLock, clock: PacedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while an answer is waited for that was lost: the lock is taken, and freed."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clock, "sleep", interrupt)
    server.trouble("lock", "lost")
    with pytest.raises(KeyboardInterrupt), lock.lock(HOLDER, timeout=60):
        pass
    assert server.state.lock is None


def test_addresses_keep_their_queries(plain: StateServer, clock: PacedClock) -> None:
    place = replace(plain.place, address=plain.address + "?state=a%2Fb", lock_address=plain.address + "?state=a%2Fb")
    cell, lock = open_http(place, LOGIN, clock, Transport(timeout=5.0))
    with lock.lock(HOLDER, timeout=0):
        cell.swap(b"{}", None)
    locked, read, written, _ = plain.asked
    assert [{"state": "a/b"}] * 2 == [locked.query, read.query]
    assert {"state": "a/b", "ID": render_id(replace(HOLDER, expires="2026-11-23T12:58:57+00:00"))} == written.query
    assert plain.address == cell.where


def test_nothing_is_sent_as_a_login_where_there_is_none(plain: StateServer, clock: PacedClock) -> None:
    plain.needs_login = False
    for username, password in (("", None), ("ada", None), ("", Secret("hush"))):
        cell, _ = open_http(plain.place, (username, password), clock, Transport(timeout=5.0))
        cell.read()
    assert [None, "Basic YWRhOg==", "Basic Omh1c2g="] == [asked.headers.get("authorization") for asked in plain.asked]


@pytest.mark.parametrize("key", ["address", "lock_address", "unlock_address"])
@pytest.mark.parametrize(
    "url",
    ["", "ftp://git.example.org/state", "http://git.example.org/state", f"https://{USER}:{PASSWORD}@git.example.org/"],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(clock: PacedClock, key: str, url: str) -> None:
    with pytest.raises(InputError, match="not a usable URL") as caught:
        open_http(place_with(key, url), NOBODY, clock, Transport(timeout=5.0))
    assert f"state.{key}" == caught.value.where
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("key", ["lock_address", "unlock_address"])
def test_credentials_go_to_one_server(clock: PacedClock, key: str) -> None:
    with pytest.raises(InputError, match="on two servers") as caught:
        open_http(place_with(key, "https://elsewhere.example.org/state"), NOBODY, clock, Transport(timeout=5.0))
    assert "https://git.example.org" in caught.value.why


def test_a_lock_that_somebody_else_took_is_not_broken(server: StateServer, lock: HttpLock) -> None:
    server.hold(FOREIGN)
    with pytest.raises(StateError, match="does not hold the lock") as caught:
        lock.unlock("run-8")
    assert FOREIGN in caught.value.why
    assert server.state.lock is not None
