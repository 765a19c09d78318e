"""State in S3: the suite of all backends, races, answers that are lost, servers that know no conditions."""

from __future__ import annotations

import itertools
import socket
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.cell import NotStored, Stored, settle
from iac.backends.s3.bucket import PATIENCE, open_s3
from iac.core.errors import InputError, StateError, UnreachableError
from tests.backends.clock import StoppedClock
from tests.backends.contract import RemoteContract
from tests.backends.given import EMPTY, HOLDER, holding
from tests.backends.s3server import BUCKET, KEY, KEY_ID, Gate, S3Site, gated, login, place, race, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def key() -> str:
    return f"demo/{next(_numbers)}.json"


@pytest.fixture
def remote(endpoint: str, key: str, tmp_path: Path) -> S3Site:
    return S3Site(tmp_path, place(endpoint, key))


@pytest.fixture
def site(remote: S3Site) -> S3Site:
    return remote


@pytest.fixture
def gate(endpoint: str) -> Iterator[Gate]:
    with gated(endpoint) as made:
        yield made


@pytest.fixture
def gated_site(gate: Gate, key: str, tmp_path: Path) -> S3Site:
    return S3Site(tmp_path, place(gate.endpoint, key))


@pytest.fixture
def silent() -> Iterator[str]:
    """The endpoint of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class TestContract(RemoteContract):
    """A state in S3 keeps what every backend promises."""


def test_of_twelve_writers_exactly_one_wins_in_each_of_twenty_rounds(remote: S3Site) -> None:
    cells = [open_s3(remote.place, remote.login)[0] for _ in range(12)]
    old: Stored | None = None
    for number in range(20):
        won = race([partial(cell.swap, b"%d/%d" % (number, writer), old) for writer, cell in enumerate(cells)])
        old = cells[0].read()
        assert old is not None
        assert [old.data] == won


def test_of_twelve_runs_exactly_one_gets_a_lock_that_was_held_before(remote: S3Site) -> None:
    locks = [open_s3(remote.place, remote.login)[1] for _ in range(12)]
    free: Stored | None = None
    for number in range(20):
        won = race([partial(lock.swap, b"note %d/%d" % (number, run), free) for run, lock in enumerate(locks)])
        held = locks[0].read()
        assert held is not None
        assert [held.data] == won
        locks[0].clear(held)
        free = locks[0].read()


@pytest.mark.parametrize("astray", ["503", "cut"])
def test_a_write_whose_answer_was_lost_is_known_by_what_is_there(gate: Gate, gated_site: S3Site, astray: str) -> None:
    """obstore asks again by itself, and is told that the object is there, or another one: its own."""
    cell, clock = gated_site.cell(), StoppedClock()
    gated_site.run_lock(clock)
    with gated_site.run_lock(clock).lock(HOLDER, timeout=0):
        gate.lost = ["", "", "", astray]
        first = settle(cell, b"one", None, clock)
        gate.lost = [astray]
        settle(cell, b"two", first, clock)
        gate.lost = [astray]
    assert "two" == gated_site.document()
    assert gated_site.open().holder() is None
    assert [] == gate.lost


@pytest.mark.parametrize("astray", ["503", "cut"])
def test_a_lock_whose_answer_was_lost_is_held(gate: Gate, gated_site: S3Site, astray: str) -> None:
    with gated_site.run_lock(StoppedClock()).lock(HOLDER, timeout=0):
        pass
    gate.lost = ["", astray]
    with gated_site.run_lock(StoppedClock()).lock(HOLDER, timeout=0):
        assert [] == gate.lost
        assert HOLDER == gated_site.open().holder()


@pytest.mark.parametrize("forgotten", [{"if-match"}, {"if-none-match"}, {"if-match", "if-none-match"}])
def test_a_server_that_ignores_conditions_is_refused_before_a_state_is_there(
    gate: Gate, gated_site: S3Site, forgotten: set[str]
) -> None:
    gate.forgotten = forgotten
    with pytest.raises(UnreachableError, match="cannot be written") as caught:
        gated_site.open().create(EMPTY)
    assert "ignores If-Match or If-None-Match" in caught.value.why
    with pytest.raises(FileNotFoundError):
        gated_site.document()


def test_a_server_that_ignores_conditions_gets_nobody_to_overwrite_a_state(gate: Gate, gated_site: S3Site) -> None:
    gated_site.open().create(holding("a"))
    gate.forgotten = {"if-match", "if-none-match"}
    with pytest.raises(StateError, match="there is a state already"):
        gated_site.open().create(EMPTY)
    assert holding("a") == gated_site.open().load()


@pytest.mark.parametrize("forgotten", [{"if-none-match"}, {"if-match", "if-none-match"}])
def test_a_state_that_was_moved_to_a_server_that_ignores_conditions_is_not_locked(
    gate: Gate, gated_site: S3Site, forgotten: set[str]
) -> None:
    gated_site.open().create(holding("a"))
    gate.forgotten = forgotten
    with (
        pytest.raises(UnreachableError, match="cannot be locked") as caught,
        gated_site.open().lock(HOLDER, timeout=0),
    ):
        pass
    assert "ignores If-Match or If-None-Match" in caught.value.why


def test_a_lock_whose_object_was_deleted_is_made_again(remote: S3Site) -> None:
    remote.begun()
    remote.store.delete(remote.lock_key)
    with remote.open().lock(HOLDER, timeout=0):
        assert HOLDER == remote.open().holder()


def test_a_free_lock_is_an_object_without_a_byte(remote: S3Site) -> None:
    remote.begun()
    with remote.open().lock(HOLDER, timeout=0):
        assert HOLDER.run_id.encode() in bytes(remote.store.get(remote.lock_key).bytes())
    assert b"" == bytes(remote.store.get(remote.lock_key).bytes())


def test_a_large_state_is_one_conditional_write(gate: Gate, gated_site: S3Site) -> None:
    """More than obstore would send in parts, which carry no condition."""
    cell = gated_site.cell()
    old = cell.swap(b"1" * 6_000_000, None)
    gate.asked.clear()
    cell.swap(b"2" * 6_000_000, old)
    assert ["PUT json If-Match"] == gate.asked
    with pytest.raises(NotStored):
        cell.swap(b"3" * 6_000_000, old)


def test_a_run_costs_seven_requests(gate: Gate, gated_site: S3Site) -> None:
    """Lock in three, read, a write before, one at the end, unlock in one; a rotation's answer is one more."""
    gated_site.open().create(EMPTY)
    gate.asked.clear()
    backend = gated_site.open()
    with backend.lock(HOLDER, timeout=0):
        backend.save(backend.save(backend.load()))
    assert [
        "PUT lock If-None-Match", "GET lock", "PUT lock If-Match",
        "GET json", "PUT json If-Match", "PUT json If-Match",
        "PUT lock If-Match",
    ] == gate.asked  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "words", "fix"),
    [
        (403, b"<Error><Code>AccessDenied</Code></Error>", "status 403 AccessDenied", "s3:ListBucket"),
        (401, b"no", "status 401", "s3:ListBucket"),
        (404, b"<Error><Code>NoSuchBucket</Code><Message>None.</Message></Error>", "NoSuchBucket: None.", "make the"),
        (404, b"<html>nothing here</html>", "status 404", "endpoint of state"),
        (200, b"<html>please sign in</html>", "no ETag", "endpoint of state"),
        (400, b"<Error><Code>Bad</Code><Message>the &#34;region&#34;</Message></Error>", 'Bad: the "region"', "region"),
        (301, b"<Error><Code>PermanentRedirect</Code></Error>", "configured region", "region and endpoint"),
        (503, b"<Error><Code>SlowDown</Code></Error>", "status 503 SlowDown", "can be reached"),
    ],
)
def test_a_state_that_cannot_be_read_is_never_a_missing_one(
    gate: Gate, gated_site: S3Site, *, status: int, body: bytes, words: str, fix: str
) -> None:
    gate.answer = status, body
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        gated_site.open().load()
    assert words in caught.value.why
    assert fix in caught.value.fix
    assert f"s3://{BUCKET}/{gated_site.place.key} at {gate.endpoint}" == caught.value.where


@pytest.mark.parametrize(
    ("status", "body", "is_refusal"),
    [
        (403, b"<Error><Code>AccessDenied</Code></Error>", True),
        (404, b"<Error><Code>NoSuchBucket</Code></Error>", True),
        (404, b"<Error><Code>XAdminUserNotFound</Code></Error>", True),
        (404, b"<Error><Code>NoSuchKey</Code></Error>", False),
        (400, b"<Error><Code>InvalidRequest</Code></Error>", True),
        (501, b"<Error><Code>NotImplemented</Code></Error>", True),
        (503, b"<Error><Code>SlowDown</Code></Error>", False),
        (412, b"<Error><Code>PreconditionFailed</Code></Error>", False),
        (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>", False),
        (429, b"", False),
        (200, b"", False),
    ],
)
def test_a_refused_write_is_told_from_one_that_may_be_tried_again(
    gate: Gate, gated_site: S3Site, status: int, body: bytes, *, is_refusal: bool
) -> None:
    gate.answer = status, body
    with pytest.raises(NotStored) as caught:
        gated_site.cell().swap(b"one", Stored(b"", '"0"'))
    assert is_refusal == caught.value.is_refusal
    assert "<" not in caught.value.reason


def test_a_missing_bucket_is_told_when_a_state_is_made(endpoint: str, tmp_path: Path) -> None:
    there_is_none = S3Site(tmp_path, place(endpoint, "demo.json", bucket="no-such-bucket"))
    with pytest.raises(UnreachableError, match="cannot be written") as caught:
        there_is_none.open().create(EMPTY)
    assert "NoSuchBucket" in caught.value.why


def test_access_keys_are_in_no_error(gate: Gate, gated_site: S3Site, caplog: pytest.LogCaptureFixture) -> None:
    signed = f"<StringToSign>AWS4 {KEY_ID} {KEY}</StringToSign><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId>"
    gate.answer = 403, f"<Error><Code>Forbidden</Code><Message>No such key: {KEY_ID}</Message>{signed}</Error>".encode()
    cell, lock = open_s3(gated_site.place, gated_site.login)
    told = [caplog.text, repr(gated_site.place), repr(cell)]
    for attempt in (cell.read, lambda: cell.swap(b"one", None), lambda: lock.clear(Stored(b"", '"0"'))):
        with pytest.raises((UnreachableError, NotStored)) as caught:
            attempt()
        told += [str(caught.value), repr(caught.value), str(caught.value.__cause__)]
    with pytest.raises(InputError) as half:
        open_s3(gated_site.place, login(key=""))
    assert "SecretAccessKey" in half.value.why
    for canary in (KEY_ID, KEY):
        assert canary not in "\n".join([*told, str(half.value)])
    assert "Forbidden" in told[3]


def test_a_login_in_the_endpoint_is_in_no_message() -> None:
    named = place("https://ada:canary@s3.example.org/base", "demo.json").where
    assert f"s3://{BUCKET}/demo.json at https://s3.example.org/base" == named


def test_a_server_that_cannot_be_reached_is_an_error_in_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        S3Site(tmp_path, place(endpoint, "demo.json")).open().load()
    assert time.monotonic() - started < 5
    assert "no connection" in caught.value.why


def test_a_server_that_hangs_is_an_error(silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    site = S3Site(tmp_path, place(silent, "demo.json"))
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        site.open().load()
    assert "no answer in time" in caught.value.why
    with pytest.raises(UnreachableError, match="cannot be written"):
        site.open().create(EMPTY)


def test_no_access_key_is_told_with_what_to_set(silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore then asks the machine for its role, at an address that on most machines leads nowhere."""
    shorten(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", silent)
    nobody = S3Site.__new__(S3Site)
    nobody.machines, nobody.place, nobody.login = tmp_path, place(silent, "demo.json"), (None, None)
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="cannot be read") as read:
        nobody.open().load()
    with pytest.raises(UnreachableError, match="cannot be written") as written:
        nobody.open().create(EMPTY)
    assert time.monotonic() - started < 10
    for why in (read.value.why, written.value.why):
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in why
    assert "access_key_id and secret_access_key of state" in read.value.fix


def test_an_object_that_is_too_large_for_a_state_is_not_read(remote: S3Site, monkeypatch: pytest.MonkeyPatch) -> None:
    remote.cell().swap(b"12345", None)
    monkeypatch.setattr("iac.backends.s3.bucket.LARGEST_BODY", 4)
    with pytest.raises(UnreachableError, match="the object is larger than 4 bytes"):
        remote.cell().read()


def test_keys_of_the_environment_are_used(endpoint: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    cell = open_s3(place(endpoint, key, region=""))[0]
    assert cell.read() is None


def test_an_environment_that_makes_no_url_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore panics there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    cell = open_s3(place("", "demo.json"), login())[0]
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        cell.read()
    assert "panicked" in caught.value.why


def test_an_interrupt_is_no_panic(endpoint: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = open_s3(place(endpoint, key), login())[0]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cell._bucket, "_fetch", interrupted)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        cell.read()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"bucket": ""}, "state.bucket"),
        ({"bucket": "two words"}, "state.bucket"),
        ({"key": ""}, "state.key"),
        ({"key": "/demo.json"}, "state.key"),
        ({"key": "demo/../other.json"}, "state.key"),
        ({"key": "de\nmo.json"}, "state.key"),
        ({"endpoint": "nonsense"}, "state.endpoint"),
        ({"endpoint": "https://s3.example.org:99999"}, "state.endpoint"),
        ({"endpoint": "http://[::1"}, "state.endpoint"),
    ],
)
def test_what_can_be_no_place_is_refused(wrong: dict[str, str], why: str) -> None:
    given = place("https://s3.example.org", "demo.json")
    with pytest.raises(InputError, match="settings of the S3 state are invalid") as caught:
        open_s3(replace(given, **wrong))
    assert why in caught.value.why


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of half a second, no other tries."""
    monkeypatch.setitem(PATIENCE, "client_options", {"timeout": timedelta(seconds=0.5)})
    monkeypatch.setitem(PATIENCE, "retry_config", {"max_retries": 0})
