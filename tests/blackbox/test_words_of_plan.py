"""What plan and validate say is so: ids of findings, the server's name, and whether anything could have been sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Project, register_by_hand

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox


@pytest.mark.parametrize("scope", ["iam:admin.raed", "iam:admin.writ", "scim:raed"])
def test_a_misspelt_scope_of_iam_is_unknown_and_not_privileged(project: Project, scope: str) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=[scope])
    said = project.iac("validate").text
    assert "unknown-scope" in said
    assert "privileged-scope" not in said


def test_a_method_of_null_is_the_default_of_the_server(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"], token_endpoint_auth_method=None)
    project.done("apply", "--auto-approve")
    project.done("plan", "--detailed-exitcode")


def test_an_imported_client_without_a_method_is_as_it_is_defined(project: Project, sandbox: Sandbox) -> None:
    register_by_hand(sandbox, "team-old", token_endpoint_auth_method=None)
    project.done("import", "team-old")
    project.done("apply", "--auto-approve")
    project.done("plan", "--detailed-exitcode")


def test_a_rule_does_not_speak_of_iam_where_the_server_is_another(project: Project) -> None:
    project.edit("iac.yaml", "provider: iam-admin", "provider: rfc7591")
    project.define(
        "team/portal",
        client_id=None,
        redirect_uris=["http://portal.example.org/cb", "myapp://cb"],
        scope=["openid", "made.up", "scim:read", "offline_access"],
        grant_types=["authorization_code", "password", "implicit"],
        contacts=[],
    )
    text = json.loads(project.read("clients.d/team/portal.yaml"))
    del text["client_id"]
    project.write("clients.d/team/portal.yaml", json.dumps(text))
    said = project.iac("validate").text
    assert "team/portal" in said
    assert "IAM" not in said


def test_a_refused_plan_does_not_say_no_changes(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.define("team/other", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    (project.root / "clients.d/team/job.yaml").unlink()
    plan = project.iac("plan")
    assert 3 == plan.code
    assert "nothing was sent" not in plan.text
    assert "no changes" not in plan.text
