"""`iac drift` from the command line, against servers of both kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli.shell import Shell
from iac.sandbox.fault import Fault, FaultKind
from iac.wiring import Access, open_session

if TYPE_CHECKING:
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def _clients(project: Project, *arguments: str) -> list[dict[str, Any]]:
    said = project.iac("drift", "--format", "json", *arguments)
    found: list[dict[str, Any]] = said.json()["clients"]
    assert said.code == (2 if found else 0), said.err
    return found


def _redefine(project: Project, **changes: Any) -> None:
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **changes})


def test_without_drift_the_exit_code_is_0(applied: Project) -> None:
    said = applied.iac("drift")
    assert (0, "") == (said.code, said.err)
    assert "Drift: nothing was changed on the server; 1 as applied." in said.out


def test_a_change_by_hand_is_told_with_exit_2_and_gone_after_apply(applied: Project) -> None:
    applied.by_hand(CLIENT_ID, grant_types=(*applied.registered(CLIENT_ID).grant_types, "password"))
    said = applied.iac("drift")
    assert said.code == 2
    assert "+ password" in said.out
    assert "### Drift: 1 changed" in applied.iac("drift", "--format", "markdown").out
    (client,) = _clients(applied, ADDRESS)
    assert [("grant_types", ["password"], "server")] == [
        (field["name"], field["added"], field["cause"]) for field in client["fields"]
    ]
    assert applied.apply().code == 0
    assert [] == _clients(applied)


def test_it_needs_no_key_no_lock_and_read_access_only(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    applied.by_hand(CLIENT_ID, client_name="Theirs")
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-ro")
    before = {path: path.read_bytes() for path in applied.root.rglob("*") if path.is_file()}
    assert 1 == len(_clients(applied))
    assert before == {path: path.read_bytes() for path in applied.root.rglob("*") if path.is_file()}


def test_what_only_the_definition_changed_is_no_drift(applied: Project) -> None:
    _redefine(applied, client_name="Renamed here", contacts=["new@example.org"])
    applied.define("team/new", grant_types=["client_credentials"])
    assert [] == _clients(applied)


def test_ignored_changes_are_no_drift(applied: Project) -> None:
    _redefine(applied, lifecycle={"ignore_changes": ["contacts"]})
    applied.by_hand(CLIENT_ID, contacts=("theirs@example.org",))
    assert [] == _clients(applied)


def test_a_secret_changed_by_hand_is_told_where_the_server_shows_it(applied: Project, flavour: str) -> None:
    applied.by_hand(CLIENT_ID, client_secret="changed-by-hand", client_name="Theirs")
    (client,) = _clients(applied)
    assert {"1.12": "changed", "1.14": "unknown"}[flavour] == client["secret"]


def test_a_client_that_is_gone_is_told(applied: Project) -> None:
    applied.sandbox.iam.world.store.remove(applied.registered(CLIENT_ID))
    (client,) = _clients(applied)
    assert client["gone"]
    assert "- team/portal: gone from the server" in applied.iac("drift").out


def test_a_server_that_is_down_is_no_drift(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    applied.sandbox.faults.add(Fault(kind=FaultKind.STATUS, times=1000))
    said = applied.iac("drift")
    assert (6, "") == (said.code, said.out)


def test_an_address_that_is_not_there_is_exit_1_with_the_nearest(applied: Project) -> None:
    said = applied.iac("drift", "team/portl")
    assert said.code == 1
    assert "did you mean team/portal?" in said.err


def test_a_run_under_way_is_said(applied: Project) -> None:
    with (
        open_session(Shell(directory=str(applied.root)), Access.READ) as session,
        session.backend.lock(session.holder(), timeout=0),
    ):
        said = applied.iac("drift")
    assert said.code == 0
    assert "an apply is running since" in said.err
