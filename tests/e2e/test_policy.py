"""What policy refuses is refused by every command that would send it, and by validate; what is waived is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
FILE = f"clients.d/{ADDRESS}.yaml"
OTHER = {"client_id": "other", "client_name": "Another one", "grant_types": ["client_credentials"]}
LATER, BEFORE = "2999-12-31", "2020-01-31"


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Policy is the same for all servers: one is enough."""
    return str(request.param)


def change(project: Project, **values: Any) -> None:
    """Other values in the usual definition."""
    project.define(ADDRESS, **{**json.loads(project.read(FILE)), **values})


def waive(rule: str, until: str = LATER) -> list[dict[str, str]]:
    return [{"id": rule, "reason": "agreed with the security team", "until": until}]


def policy(project: Project, text: str) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + f"policy: {text}\n")


def writes(project: Project) -> list[str]:
    return [path for method, path, _ in project.sandbox.log if method != "GET" and path != "/token"]


def findings(said: Said) -> list[tuple[str, str]]:
    plan = said.json()
    every = [*plan["findings"], *(each for found in plan["changes"] for each in found["findings"])]
    return [(each["id"], each["severity"]) for each in every]


def test_what_policy_refuses_is_exit_1_of_validate_and_3_of_what_would_send_it(project: Project) -> None:
    change(project, grant_types=["password"])
    valid = project.iac("validate")
    assert 1 == valid.code
    assert f"{FILE}:13:3: error: with the password grant the service sees its users' passwords" in valid.out
    for arguments in (("plan",), ("plan", "--detailed-exitcode"), ("apply", "--auto-approve")):
        said = project.iac(*arguments)
        assert (3, True) == (said.code, "[password-grant]" in said.err)
        assert f"{FILE}:13:3: error: with the password grant" in said.out
    assert [] == writes(project)


def test_json_says_what_refuses_and_agrees_with_the_exit_code(project: Project) -> None:
    change(project, grant_types=["password"], scope=["openid"])
    said = project.iac("apply", "--auto-approve", "--format", "json")
    assert (3, [("password-grant", "error")]) == (said.code, findings(said))
    (found,) = said.json()["changes"][0]["findings"]
    assert {"file": FILE, "line": 11, "column": 3} == found["location"]


def test_what_is_waived_is_applied(project: Project) -> None:
    change(project, grant_types=["password"], scope=["openid"], waive=waive("password-grant"))
    valid = project.iac("validate")
    assert (0, True) == (valid.code, valid.out.endswith("1 definition, 1 environment: valid, 1 waived\n"))
    assert [("password-grant", "waived")] == findings(project.iac("plan", "--format", "json"))
    said = project.apply()
    assert (0, True) == (said.code, "agreed with the security team" in said.out)
    assert ("password",) == tuple(project.registered(CLIENT_ID).grant_types)


def test_a_waiver_that_has_ended_refuses(project: Project) -> None:
    assert 0 == project.apply().code
    change(project, waive=waive("password-grant", BEFORE))
    assert (1, 3) == (project.iac("validate").code, project.iac("plan").code)
    assert [("waiver-expired", "error")] == findings(project.iac("plan", "--format", "json"))


def test_a_change_that_policy_refuses_is_not_sent(project: Project) -> None:
    policy(project, "{redirect-uri-other-domain: error}")
    assert 0 == project.apply().code
    sent = writes(project)
    change(project, redirect_uris=["https://portal.example.org/cb", "https://portal.example.com/cb"])
    assert 0 == project.iac("validate").code
    said = project.apply()
    assert (3, sent) == (said.code, writes(project))
    assert "users are sent to example.com, not a domain of this client" in said.err
    change(project, waive=waive("redirect-uri-other-domain"))
    assert 0 == project.apply().code
    assert [("waiver-unused", "warning")] == findings(project.iac("plan", "--format", "json"))


def test_the_definition_of_another_address_refuses_nothing(project: Project) -> None:
    project.define("other", **{**OTHER, "grant_types": ["password"]})
    assert (3, 0) == (project.iac("plan").code, project.apply("--target", ADDRESS).code)


def test_policy_does_not_keep_outputs_from_being_rendered(project: Project) -> None:
    assert 0 == project.apply().code
    policy(project, "{no-owner: error}")
    assert (3, 0) == (project.iac("plan").code, project.iac("render").code)


def test_a_rotation_that_policy_refuses_is_not_sent(project: Project) -> None:
    assert 0 == project.apply().code
    policy(project, "{secret-will-change: error}")
    sent = writes(project)
    assert 3 == project.iac("rotate", ADDRESS, "--auto-approve").code
    assert sent == writes(project)


def test_the_server_s_list_of_scopes_settles_what_validation_cannot(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project, scope=["openid", "offline_access", "made.up"])
    world = project.sandbox.iam.world
    assert "[unknown-scope]" in project.iac("validate").out
    assert [("unknown-scope", "warning")] == findings(project.iac("plan", "--format", "json"))
    listed = replace(world.facts, scopes_supported=(*world.facts.scopes_supported, "made.up"))
    monkeypatch.setattr(world, "facts", listed)
    assert [] == findings(project.iac("plan", "--format", "json"))


def test_asking_for_scopes_costs_no_request(project: Project) -> None:
    """They are in the document that the login reads anyway."""
    change(project, scope=["openid", "offline_access", "made.up"])
    before = len(project.sandbox.log)
    assert 0 == project.iac("plan").code
    assert 1 == sum("openid-configuration" in path for _, path, _ in project.sandbox.log[before:])
