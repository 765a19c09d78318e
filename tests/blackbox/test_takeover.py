"""Somebody adds a redirect URI of their own to a client on the server: the finding is that of the same line in git."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.kit import Project, by_hand

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox

OWN, FOREIGN = "https://portal.example.org/cb", "https://portal.attacker.example.com/cb"
FINDING = "redirect-uri-other-domain"


@pytest.fixture
def taken(project: Project, sandbox: Sandbox) -> Project:
    project.define("team/portal", redirect_uris=[OWN], scope=["openid"])
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", redirect_uris=(OWN, FOREIGN))
    return project


def test_in_git_the_line_is_a_finding(taken: Project, sandbox: Sandbox) -> None:
    by_hand(sandbox, "team-portal", redirect_uris=(OWN,))
    taken.edit("clients.d/team/portal.yaml", f'"{OWN}"', f'"{OWN}", "{FOREIGN}"')
    assert FINDING in taken.iac("plan").out


def test_drift_has_the_finding(taken: Project) -> None:
    drift = taken.iac("drift")
    assert 2 == drift.code
    assert FINDING in drift.out
    assert FINDING in taken.iac("drift", "--format", "json").out
    assert FINDING in taken.iac("drift", "--format", "markdown").out


def test_accepting_it_says_what_it_is(taken: Project) -> None:
    accepted = taken.iac("drift", "--accept", "team/portal")
    assert FINDING in accepted.text


def test_accepting_into_a_key_of_all_environments_says_so(project: Project, sandbox: Sandbox) -> None:
    text = re.sub(r"\n +(?:path|lineage): .*", "", project.read("iac.yaml"))
    project.write("iac.yaml", f"{text}environments: {{dev: {{}}, prod: {{}}}}\n")
    project.define(
        "team/portal", redirect_uris=[OWN], scope=["openid"], environments={"dev": {"client_id": "dev-portal"}}
    )
    for name in ("dev", "prod"):
        project.done("--env", name, "state", "init")
    project.done("--env", "dev", "apply", "--auto-approve")
    by_hand(sandbox, "dev-portal", redirect_uris=(OWN, "https://portal.example.org/cb2"))
    accepted = project.done("--env", "dev", "drift", "--accept", "team/portal")
    assert "this line counts for dev and prod: iac apply gives it to each of them" in accepted.out


def test_accepting_over_a_change_of_the_definition_says_so(taken: Project) -> None:
    taken.edit("clients.d/team/portal.yaml", OWN, f"{OWN}2")
    said = taken.done("drift", "--accept", "team/portal").out
    assert "replaces a value of the definition that was not applied yet" in said
    assert "git diff" not in taken.iac("drift", "--accept", "team/portal").out


def test_what_policy_makes_an_error_is_not_accepted(taken: Project) -> None:
    taken.write("iac.yaml", taken.read("iac.yaml") + f"policy: {{{FINDING}: error}}\n")
    before = taken.read("clients.d/team/portal.yaml")
    refused = taken.iac("drift", "--accept", "team/portal")
    assert (1, before) == (refused.code, taken.read("clients.d/team/portal.yaml"))
    assert FINDING in refused.err


def test_a_waived_finding_is_said_with_its_reason_and_accepted(taken: Project) -> None:
    waiver = {"id": FINDING, "reason": "our second site", "until": "2099-12-31"}
    taken.write("iac.yaml", taken.read("iac.yaml") + f"policy: {{{FINDING}: error}}\n")
    taken.edit("clients.d/team/portal.yaml", '"scope"', f'"waive": [{json.dumps(waiver)}],\n "scope"')
    assert "our second site" in taken.done("drift", "--accept", "team/portal").text


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        ({"grant_types": ("authorization_code", "password")}, {"password-grant", "grant-added"}),
        ({"redirect_uris": (OWN, "http://portal.example.org/cb")}, {"http-redirect-uri", "redirect-uri-refused"}),
        ({"scope": ("openid", "scim:read")}, {"privileged-scope", "privileged-scope-added"}),
        ({"token_endpoint_auth_method": "none", "code_challenge_method": "S256"}, {"client-becomes-public"}),
        ({"redirect_uris": (OWN, "https://portal.example.org/cb2")}, set()),
    ],
    ids=["grant", "plain http", "scope", "public", "harmless"],
)
def test_every_rule_on_definitions_and_changes_is_asked(
    taken: Project, sandbox: Sandbox, changes: dict[str, Any], findings: set[str]
) -> None:
    taken.write("iac.yaml", taken.read("iac.yaml") + "policy: {password-grant: warning}\n")
    by_hand(sandbox, "team-portal", **{"redirect_uris": (OWN,), **changes})
    (client,) = taken.iac("drift", "--format", "json").json()["clients"]
    assert findings == {finding["id"] for finding in client["findings"]}
    accepted = taken.done("drift", "--accept", "team/portal", "--format", "json").json()
    assert findings == {finding["id"] for finding in accepted["findings"]}
    assert ["default"] == accepted["accepted"][0]["environments"]


def test_a_disabled_client_is_still_drift_after_accepting(taken: Project, sandbox: Sandbox) -> None:
    by_hand(sandbox, "team-portal", active=False)
    accepted = taken.iac("drift", "--accept", "team/portal")
    assert 2 == accepted.code
    assert "disabled" in accepted.err


def test_the_plan_of_an_accepted_change_has_the_finding_until_it_is_applied(taken: Project) -> None:
    """Who reviews the acceptance sees what came in; the server holds it already, so no change would say it."""
    taken.done("drift", "--accept", "team/portal")
    plan = taken.done("plan", "--format", "json").json()
    assert [FINDING] == [finding["id"] for finding in plan["findings"] if finding["where"] == "team/portal"]
    (entry,) = plan["taken_over"]
    assert ("team/portal", [FOREIGN]) == (entry["address"], entry["fields"][0]["added"])
    said = taken.done("plan").out
    assert f"taken over team/portal: redirect_uris + {FOREIGN}" in said
    assert FINDING in said
    assert FOREIGN in taken.done("plan", "--format", "markdown").out
    taken.done("apply", "--auto-approve")
    assert "taken over" not in taken.done("plan").out
    assert FINDING not in taken.done("plan").out


def test_what_was_accepted_is_what_the_next_change_by_hand_is_held_against(taken: Project, sandbox: Sandbox) -> None:
    taken.done("drift", "--accept", "team/portal")
    taken.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", redirect_uris=(OWN,))
    assert 2 == taken.iac("drift").code


def test_an_accepted_change_beside_one_of_the_definition_has_its_finding(taken: Project) -> None:
    taken.done("drift", "--accept", "team/portal")
    taken.edit("clients.d/team/portal.yaml", f'"{OWN}"', f'"{OWN}", "{OWN}2"')
    (change,) = taken.done("plan", "--format", "json").json()["changes"]
    assert [f"{OWN}2"] == change["fields"][0]["added"]
    assert [FINDING] == [finding["id"] for finding in change["findings"]]


def test_what_policy_makes_an_error_is_refused_in_the_plan_of_an_acceptance(taken: Project) -> None:
    taken.done("drift", "--accept", "team/portal")
    taken.write("iac.yaml", taken.read("iac.yaml") + f"policy: {{{FINDING}: error}}\n")
    assert 3 == taken.iac("apply", "--auto-approve").code


def test_a_field_declared_as_the_server_has_it_is_drift_when_it_changes(project: Project, sandbox: Sandbox) -> None:
    project.define("team/portal", redirect_uris=[OWN], scope=["openid"])
    project.done("apply", "--auto-approve")
    project.define("team/portal", redirect_uris=[OWN], scope=["openid"], contacts=[], require_auth_time=False)
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", contacts=("stranger@example.org",), require_auth_time=True)
    assert 2 == project.iac("drift").code
    (client,) = project.iac("drift", "--format", "json").json()["clients"]
    assert ["contacts", "require_auth_time"] == [field["name"] for field in client["fields"]]
