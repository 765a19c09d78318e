"""Faults on demand: each does what it says, as often as it says, and then is over."""

import http.client
import time
from collections.abc import Iterator
from typing import Any

import pytest

from iac.sandbox.fault import Fault, FaultError, FaultKind, Faults
from iac.sandbox.server import Sandbox, start_sandbox
from tests.sandbox.wire import CLIENTS, ask, connect, document, login


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox("1.13") as running:
        yield running


def test_a_status_fault_answers_in_the_servers_place_and_then_is_over(sandbox: Sandbox) -> None:
    fault = {"match": {"method": "GET", "path": "/actuator/*"}, "kind": "status", "status": 503, "times": 2}
    with connect(sandbox) as connection:
        sent = fault | {"retry_after": 7, "body": "html"}
        assert ask(connection, "POST", "/sandbox/faults", sent) == (204, None)
        assert ask(connection, "GET", "/jwk")[0] == 200
        for _ in range(2):
            connection.request("GET", "/actuator/info")
            answer = connection.getresponse()
            assert answer.read().startswith(b"<!DOCTYPE html>")
            assert (answer.status, answer.getheader("Retry-After")) == (503, "7")
        assert ask(connection, "GET", "/actuator/info")[0] == 200


def test_faults_are_listed_and_cleared(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        ask(connection, "POST", "/sandbox/faults", [{"kind": "refuse"}, {"kind": "delay", "times": 3}])
        listed = [
            {"kind": "refuse", "method": "*", "path": "*", "times": 1},
            {"kind": "delay", "method": "*", "path": "*", "times": 3},
        ]
        assert ask(connection, "GET", "/sandbox/faults") == (200, listed)
        assert ask(connection, "DELETE", "/sandbox/faults") == (204, None)
        assert ask(connection, "GET", "/actuator/info")[0] == 200
        assert ask(connection, "GET", "/sandbox/nothing")[0] == 404


def drop(sandbox: Sandbox, kind: FaultKind, method: str = "POST") -> None:
    with connect(sandbox) as connection:
        token = login(connection)
        sandbox.faults.add(Fault(kind=kind, method=method, path=f"{CLIENTS}*"))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(connection, method, CLIENTS, document("a-client"), token)
    assert sandbox.log[-1] == (method, CLIENTS, 0)


@pytest.mark.parametrize(
    ("kind", "is_done"),
    [(FaultKind.REFUSE, False), (FaultKind.CUT_BEFORE, False), (FaultKind.CUT_AFTER, True)],
)
def test_a_cut_connection_leaves_the_request_done_or_not(sandbox: Sandbox, kind: FaultKind, *, is_done: bool) -> None:
    drop(sandbox, kind)
    assert (sandbox.iam.world.store.find("a-client") is not None) is is_done


def test_a_500_may_come_after_the_effect(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        token = login(connection)
        sandbox.faults.add(Fault(kind=FaultKind.STATUS_AFTER, status=500, method="POST", body="json"))
        assert ask(connection, "POST", CLIENTS, document("a-client"), token) == (500, {"error": "try again later"})
        assert ask(connection, "GET", f"{CLIENTS}/a-client", token=token)[0] == 200


def test_a_delayed_request_is_answered_late(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.DELAY, seconds=0.2))
    with connect(sandbox) as connection:
        start = time.monotonic()
        assert ask(connection, "GET", "/actuator/info")[0] == 200
        assert time.monotonic() - start >= 0.2


def test_a_fault_may_let_requests_pass_first() -> None:
    faults = Faults()
    faults.add(Fault(kind=FaultKind.STATUS, skip=2))
    taken = [faults.take("GET", "/") is not None for _ in range(4)]
    assert taken == [False, False, True, False]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "refuse",
        {},
        {"kind": "explode"},
        {"kind": ["refuse"]},
        {"kind": "refuse", "times": "2"},
        {"kind": "refuse", "color": 1},
        {"kind": "refuse", "match": {"host": "x"}},
        {"kind": "refuse", "match": "x"},
        {"kind": "status", "body": "pdf"},
    ],
)
def test_what_is_no_fault_is_refused(sandbox: Sandbox, value: Any) -> None:
    with pytest.raises(FaultError):
        Fault.parse(value)
    with connect(sandbox) as connection:
        status, body = ask(connection, "POST", "/sandbox/faults", [value])
        assert status == 400
        assert body["error"]
