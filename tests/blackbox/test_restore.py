"""A deleted client comes back as the server last answered it (issue 11 number 4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pyrage import x25519

from iac.sandbox.message import Response
from tests.blackbox.kit import bent

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request
    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

ADDRESS, CLIENT_ID = "team/app", "team-app"
REMOVED = f"removed: [{{address: {ADDRESS}, then: delete}}]\n"
OWNER = "5f9c1a2e-0000-4000-8000-000000000001"
BY_HAND: dict[str, Any] = {
    "client_uri": "https://app.example.org/",
    "policy_uri": "https://app.example.org/policy",
    "client_description": "Set by hand",
    "contacts": ["somebody@example.org"],
    "access_token_validity_seconds": 1234,
    "id_token_validity_seconds": 321,
    "refresh_token_validity_seconds": 54321,
    "device_code_validity_seconds": 432,
    "reuse_refresh_token": True,
    "require_auth_time": True,
    "allow_introspection": False,
    "clear_access_tokens_on_refresh": True,
}
EVERY = pytest.mark.parametrize("flavour", ["1.12", "1.13", "1.14"])


def _client(sandbox: Sandbox) -> Client:
    client = sandbox.iam.world.store.find(CLIENT_ID)
    assert client is not None
    return client


def _set_by_hand(sandbox: Sandbox) -> None:
    store = sandbox.iam.world.store
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in BY_HAND.items()
    }
    store.put(replace(_client(sandbox), **values))
    store.link(_client(sandbox), store.accounts[OWNER])


def _owners(sandbox: Sandbox) -> list[str]:
    return [account.uuid for account in sandbox.iam.world.store.owners(_client(sandbox))]


def _delete(project: Project, sandbox: Sandbox) -> str:
    """Delete the client of a project by its definition's leaving; the settings from before."""
    project.define(ADDRESS, redirect_uris=["https://app.example.org/cb"])
    project.define("team/other", grant_types=["client_credentials"])
    project.done("apply", "--auto-approve")
    _set_by_hand(sandbox)
    settings = project.read("iac.yaml")
    project.write("iac.yaml", settings + REMOVED)
    (project.root / f"clients.d/{ADDRESS}.yaml").unlink()
    project.done("apply", "--auto-approve")
    assert sandbox.iam.world.store.find(CLIENT_ID) is None
    return settings


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _restored(sandbox: Sandbox) -> dict[str, Any]:
    return {name: _json(getattr(_client(sandbox), name)) for name in BY_HAND}


@EVERY
def test_what_was_set_by_hand_or_never_declared_is_back(project: Project, sandbox: Sandbox) -> None:
    _delete(project, sandbox)
    ended = project.done("state", "restore", ADDRESS, "--auto-approve")
    assert BY_HAND == _restored(sandbox)
    assert [OWNER] == _owners(sandbox)
    assert "as the server last answered it" in ended.text


def test_a_definition_decides_what_it_manages_and_nothing_else(project: Project, sandbox: Sandbox) -> None:
    settings = _delete(project, sandbox)
    project.write("iac.yaml", settings)
    project.define(ADDRESS, redirect_uris=["https://app.example.org/cb"], client_description="Declared now")
    project.done("state", "restore", ADDRESS, "--auto-approve")
    assert {**BY_HAND, "client_description": "Declared now"} == _restored(sandbox)
    assert [OWNER] == _owners(sandbox)
    assert 0 == project.iac("plan", "--detailed-exitcode").code


def test_the_plan_shows_all_that_comes_back(project: Project, sandbox: Sandbox) -> None:
    _delete(project, sandbox)
    ended = project.done("state", "restore", ADDRESS, "--auto-approve")
    assert [] == [name for name in BY_HAND if name not in ended.text]


def test_a_tombstone_of_format_1_0_is_restored_as_last_applied_and_that_is_said(
    project: Project, sandbox: Sandbox
) -> None:
    _delete(project, sandbox)
    state = project.state()
    state["format_version"] = "1.0"
    del state["served_issuer"]
    (grave,) = state["tombstones"]
    del grave["client"]["answer"]
    for output in state["outputs"].values():
        del output["serial"]
    for client in (grave["client"], *state["clients"].values()):
        client.pop("answer", None)
        client["secret"].pop("state_recipients", None)
    project.write(".iac/state.json", json.dumps(state))
    ended = project.done("state", "restore", ADDRESS, "--auto-approve")
    assert "before format 1.1" in ended.text
    assert ["https://app.example.org/cb"] == list(_client(sandbox).redirect_uris)
    assert "1.1" == project.state()["format_version"]


def _broken_off(method: str, path: str) -> Callable[[Request, Callable[[], Response]], Response]:
    """The server breaks off at each such request and does nothing."""

    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        is_meant = request.method == method and path in request.path
        return Response(500, {}, b"") if is_meant else straight()

    return answer


WRITES = pytest.mark.parametrize(("method", "path"), [("PUT", f"/clients/{CLIENT_ID}"), ("POST", "/owners/")])
"""What follows the create of a client that has what another one had."""


@WRITES
@pytest.mark.parametrize("again", [("state", "restore", ADDRESS), ("apply",)])
def test_a_restore_that_broke_off_is_ended_by_the_next_with_all_that_is_missing(
    project: Project, sandbox: Sandbox, method: str, path: str, again: tuple[str, ...]
) -> None:
    settings = _delete(project, sandbox)
    if again == ("apply",):
        project.write("iac.yaml", settings)
        project.define(ADDRESS, redirect_uris=["https://app.example.org/cb"])
    secret = project.state()["tombstones"][0]["client"]["secret"]["fingerprint"]
    with bent(sandbox, _broken_off(method, path)):
        assert 5 == project.iac("state", "restore", ADDRESS, "--auto-approve").code
    project.done(*again, "--auto-approve")
    assert BY_HAND == _restored(sandbox)
    assert [OWNER] == _owners(sandbox)
    state = project.state()
    assert secret == state["clients"][ADDRESS]["secret"]["fingerprint"]
    assert ({}, []) == (state["intents"], state["tombstones"])


@WRITES
def test_a_successor_whose_create_broke_off_gets_all_that_its_predecessor_had(
    project: Project, sandbox: Sandbox, method: str, path: str
) -> None:
    project.define(ADDRESS, redirect_uris=["https://app.example.org/cb"])
    project.done("apply", "--auto-approve")
    _set_by_hand(sandbox)
    project.define(ADDRESS, client_id="other-id", redirect_uris=["https://app.example.org/cb"])
    with bent(sandbox, _broken_off(method, path.replace(CLIENT_ID, "other-id"))):
        assert 5 == project.apply().code
    project.done("apply", "--auto-approve")
    assert sandbox.iam.world.store.find(CLIENT_ID) is None
    successor = sandbox.iam.world.store.find("other-id")
    assert successor is not None
    assert BY_HAND == {name: _json(getattr(successor, name)) for name in BY_HAND}
    assert [OWNER] == [account.uuid for account in sandbox.iam.world.store.owners(successor)]


def test_a_restored_secret_is_sealed_to_those_whom_its_plan_shows(project: Project, sandbox: Sandbox) -> None:
    _delete(project, sandbox)
    other = str(x25519.Identity.generate().to_public())
    project.edit("iac.yaml", "recipients: [", f"recipients: [{other}, ")
    ended = project.done("state", "restore", ADDRESS, "--auto-approve")
    assert other in ended.text
    assert other in project.state()["clients"][ADDRESS]["secret"]["state_recipients"]
    assert [] == project.state()["tombstones"]
