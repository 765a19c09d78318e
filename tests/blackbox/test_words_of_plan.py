"""What plan and validate say is so: ids of findings, the server's name, and whether anything could have been sent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Project, by_hand, register_by_hand

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox

NEW = "changed-by-hand-0123456789"


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


@pytest.mark.parametrize("flavour", ["1.12"])
def test_a_secret_that_was_changed_by_hand_is_taken_over_and_not_rotated(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    assert "another secret" not in project.done("show", "team/job").out
    by_hand(sandbox, "team-job", client_secret=NEW)
    plans = [project.done("plan", "--format", view).out for view in ("text", "markdown")]
    project.done("plan", "--report", "html=plan.html")
    plans.append(re.sub("<(style|script)>.*?</", "", project.read("plan.html"), flags=re.DOTALL))
    assert all("taken over" in plan and "rotated" not in plan and "at once" not in plan for plan in plans)
    assert "rotated" == project.done("plan", "--format", "json").json()["changes"][0]["secret"]
    shown = project.done("show", "team/job")
    assert "the server has another secret" in shown.out
    assert NEW not in shown.text
    project.done("rotate", "team/job", "--auto-approve")
    assert "another secret" not in project.done("show", "team/job").out


def test_a_refused_plan_does_not_say_no_changes(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.define("team/other", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    (project.root / "clients.d/team/job.yaml").unlink()
    plan = project.iac("plan")
    assert 3 == plan.code
    assert "nothing was sent" not in plan.text
    assert "no changes" not in plan.text
