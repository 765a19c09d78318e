"""The commands with state on a server, as GitLab keeps it: two machines, a held lock, logins that are none."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from iac.backends.http.server import render_id
from iac.cli import failure
from iac.ports import Holder
from tests.backends.stateserver import PASSWORD, USER, GitLab, Plain, StateServer, serving
from tests.e2e.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELD = Holder("run-of-another", "ada@elsewhere 4711", "2026-11-23T11:58:57Z", "2999-01-01T00:00:00Z")
PLAIN = "\n  lock_address: {address}\n  update_method: PUT\n  lock_method: LOCK\n  unlock_method: UNLOCK"

on_gitlab = pytest.mark.parametrize("server", [GitLab], indirect=True)


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[GitLab, Plain])
def server(request: pytest.FixtureRequest) -> Iterator[StateServer]:
    with serving(request.param()) as made:
        yield made


@pytest.fixture
def shared(project: Project, server: StateServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project, its state on the server, made and empty."""
    monkeypatch.setenv("IAC_STATE_USER", USER)
    monkeypatch.setenv("IAC_STATE_PASSWORD", PASSWORD)
    methods = "" if isinstance(server.product, GitLab) else PLAIN.format(address=server.address)
    login = "\n  username: {env: IAC_STATE_USER}\n  password: {env: IAC_STATE_PASSWORD}"
    project.keep_state_in(f"backend: http\n  address: {server.address}{methods}{login}")
    server.kinds()
    return project


def test_a_second_machine_goes_on_where_the_first_one_ended(
    shared: Project, server: StateServer, tmp_path: Path
) -> None:
    applied = shared.apply()
    assert applied.code == 0, applied.err
    assert server.state.lock is None
    other = Project(tmp_path / "other", shared.sandbox, shared._capsys)
    shutil.copytree(shared.root, other.root, ignore=shutil.ignore_patterns(".iac", "out"))
    assert other.iac("plan", "--detailed-exitcode").code == 0
    assert other.iac("render").code == 0
    assert other.read("out/portal.env") == shared.read("out/portal.env")
    assert "team-portal" in (server.state.newest() or b"").decode()


def test_a_run_costs_what_the_page_says(shared: Project, server: StateServer) -> None:
    """docs/explanation/state-backends.md, HTTP."""
    server.state.versions = None
    shared.write("iac.yaml", re.sub(r"\n +lineage: .*", "", shared.read("iac.yaml")))

    def cost(*command: str) -> list[str]:
        said = shared.iac(*command)
        assert said.code == 0, said.err
        return server.kinds()

    shared.define("team/second", grant_types=["client_credentials"])
    assert ["read", "lock", "read", "write", "unlock"] == cost("state", "init")
    assert ["read", "lock", "unlock"] == cost("plan")
    assert ["lock", "read", "read", "write", "read", "write", "unlock"] == cost("apply", "--auto-approve")
    assert ["lock", "read", "unlock"] == cost("apply", "--auto-approve")
    assert ["read"] == cost("render")
    assert 9 == len(cost("rotate", "--auto-approve", "team/second"))
    assert "write" not in cost("state", "list")


def test_a_held_lock_ends_with_6_and_is_broken_by_name(shared: Project, server: StateServer) -> None:
    server.hold(render_id(HELD))
    refused = shared.apply("--lock-timeout", "0")
    assert refused.code == 6
    assert "ada@elsewhere 4711" in refused.err
    assert f"iac state unlock {HELD.run_id}" in refused.err
    assert "if that run has died, run: iac state unlock" in shared.iac("plan").err
    assert shared.iac("state", "unlock", HELD.run_id).code == 0
    assert shared.apply("--lock-timeout", "0").code == 0


@on_gitlab
@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("state", "list"), ("render",)])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_ends_with_6_and_names_no_password(
    shared: Project, server: StateServer, command: tuple[str, ...], status: int
) -> None:
    words = json.dumps({"message": f"{status}, you sent {PASSWORD}"}).encode()
    for kind in ("read", "lock"):
        server.trouble(kind, (status, words, "application/json"), times=99)
    refused = shared.iac("-vv", *command)
    assert refused.code == 6
    assert f"the server says {status}" in refused.err
    assert server.address in refused.err
    assert PASSWORD not in refused.out + refused.err


@on_gitlab
@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("state", "init"), ("state", "list")])
def test_a_server_that_is_not_there_ends_with_6(shared: Project, server: StateServer, command: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        shared.write(
            "iac.yaml", shared.read("iac.yaml").replace(server.url, f"http://127.0.0.1:{taken.getsockname()[1]}")
        )
        refused = shared.iac("-vv", *command)
    assert refused.code == 6, refused.err
    assert "fix: " in refused.err
    assert PASSWORD not in refused.out + refused.err


def test_a_login_page_in_between_is_no_damaged_state(shared: Project, server: StateServer) -> None:
    server.trouble("read", (200, b"<html>Sign in</html>", "text/html"), times=99)
    refused = shared.iac("plan")
    assert refused.code == 6
    assert "login page" in refused.err


@on_gitlab
@pytest.mark.parametrize("kind", ["lock", "read", "write", "unlock"])
@pytest.mark.parametrize("what", ["cut", "lost", "broke"])
def test_whatever_is_lost_on_the_way_the_next_run_has_nothing_to_do(
    shared: Project, server: StateServer, kind: str, what: str
) -> None:
    server.trouble(kind, what)
    shared.apply()
    server.state.lock = None
    assert shared.apply().code == 0
    assert shared.iac("plan", "--detailed-exitcode").code == 0
    client = shared.registered("team-portal")
    assert client.client_secret
    assert client.client_secret in shared.read("out/portal.env")


INSIDE = {
    "the HTTP library": "iac.transport.http.httpx.HTTPTransport.handle_request",
    "what is sent": "iac.transport.message.Call.with_authorization",
    "what the server says": "iac.backends.http.server.server_words",
    "whose lock it is": "iac.backends.http.server.parse_holder",
    "reading": "iac.backends.http.document.HttpCell._read",
    "the state's text": "iac.backends.local.render_state",
}


@on_gitlab
@pytest.mark.parametrize("place", INSIDE)
def test_a_fault_in_iac_itself_is_told_without_the_password(
    shared: Project, server: StateServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Neither in what is said and written, nor in any local variable on the error's way."""
    tracebacks: list[str] = []
    report = failure.report

    def keep(error: Exception, **how: Any) -> int:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        tracebacks.append("".join(whole.format()))
        return report(error, **how)

    def fail(*given: object, **named: object) -> None:
        del given, named
        raise RuntimeError("boom")

    monkeypatch.setattr(failure, "report", keep)
    monkeypatch.setattr(INSIDE[place], fail)
    server.trouble("lock", (403, b"", ""), times=9)
    said = [shared.iac("-vv", *command) for command in (("plan",), ("apply", "--auto-approve"), ("render",))]
    server.troubles.clear()
    said.append(shared.iac("-vv", "apply", "--auto-approve"))
    assert any(one.code for one in said)
    assert tracebacks
    written = [path.read_bytes().decode(errors="replace") for path in shared.root.rglob("*") if path.is_file()]
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for text in [*tracebacks, *written, *(one.out + one.err for one in said), server.state.newest() or b""]:
        assert PASSWORD not in str(text)
        assert basic not in str(text)
