"""A client that somebody disabled on the server works no more: every view says so, and iac does not enable it."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.message import Response
from tests.blackbox.kit import Project, bent, by_hand, with_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.sandbox.message import Request
    from iac.sandbox.server import Sandbox

SAID = re.compile(r"suspended|disabled|not active|inactive", re.IGNORECASE)


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def suspended(project: Project, sandbox: Sandbox) -> Project:
    """Two clients, applied; then one is disabled."""
    for name, grants in (("portal", ["authorization_code"]), ("other", ["client_credentials"])):
        project.define(
            f"team/{name}",
            grant_types=grants,
            redirect_uris=["https://portal.example.org/cb"],
            scope=["openid"],
            outputs=[{"template": "json", "path": f"out/{name}.json"}],
        )
    project.done("apply", "--auto-approve")
    by_hand(sandbox, "team-portal", active=False)
    return project


def test_it_is_drift(suspended: Project) -> None:
    drift = suspended.iac("drift")
    assert 2 == drift.code, drift.text
    assert SAID.search(drift.out)
    assert "team/portal" in drift.out
    assert "team/other" not in drift.out


def test_it_is_a_finding_of_every_plan_that_can_be_waived(suspended: Project) -> None:
    plan = suspended.done("plan", "--format", "json").json()
    findings = [finding for finding in plan["findings"] if SAID.search(str(finding))]
    assert 1 == len(findings)
    waiver = {"id": findings[0]["id"], "reason": "closed for the winter", "until": "2099-12-31"}
    suspended.edit(
        "clients.d/team/portal.yaml", '"scope"', f'"waive": [{str(waiver).replace(chr(39), chr(34))}],\n "scope"'
    )
    suspended.done("validate")
    assert "waived" in suspended.done("plan").out


def test_apply_says_so_and_does_not_enable_it(suspended: Project, sandbox: Sandbox) -> None:
    applied = suspended.apply()
    assert 0 == applied.code
    client = sandbox.iam.world.store.find("team-portal")
    assert client is not None
    assert not client.active
    assert SAID.search(applied.text)


def test_show_says_so(suspended: Project) -> None:
    assert SAID.search(suspended.done("show", "team/portal").out)


def test_doctor_and_list_say_so(suspended: Project) -> None:
    checks = {check["id"]: check for check in suspended.iac("doctor", "--format", "json").json()["checks"]}
    assert ("warning", "team/portal") == (checks["clients"]["verdict"], checks["clients"]["where"])
    assert SAID.search(checks["clients"]["says"])
    rows = [line.split() for line in suspended.done("list", "--managed").out.splitlines()]
    assert "active" == rows[0][-1]
    assert {"team/portal": "no", "team/other": "yes"} == {row[0]: row[-1] for row in rows[1:3]}


def test_where_none_is_disabled_list_and_doctor_say_nothing_of_it(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    assert "active" not in project.done("list", "--managed").out
    ids = [check["id"] for check in project.iac("doctor", "--format", "json").json()["checks"]]
    assert {"outputs", "rendered", "clients"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_verify_says_who_can_enable_it(suspended: Project, sandbox: Sandbox) -> None:
    by_hand(sandbox, "team-other", active=False)
    verified = suspended.iac("verify", "team/other")
    assert 2 == verified.code, verified.text
    assert SAID.search(verified.out)
    assert "administrator" in verified.out


@pytest.mark.parametrize("seconds", [-86_400, 3 * 86_400], ids=["past", "near"])
def test_a_secret_that_expires_is_a_finding(project: Project, sandbox: Sandbox, seconds: int) -> None:
    def answer(request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        if request.path == "/iam/api/clients/team-job" and request.method == "GET":
            return with_members(response, client_secret_expires_at=int(time.time()) + seconds)
        if request.path == "/iam/api/clients":
            page = json.loads(response.body)
            for entry in page["Resources"]:
                entry["client_secret_expires_at"] = int(time.time()) + seconds
            return Response(response.status, response.headers, json.dumps(page).encode())
        return response

    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    with bent(sandbox, answer):
        plan = project.done("plan", "--format", "json").json()
        checks = project.iac("doctor", "--format", "json").json()["checks"]
        assert "expires" in project.done("list", "--managed").out
        drifts = [project.done("drift", "--format", view) for view in ("json", "text", "markdown", "html")]
    assert [("secret-expires", "team/job")] == [(one["id"], one["where"]) for one in drifts[0].json()["findings"]]
    assert all("team/job" in said.out and "the client secret expire" in said.out for said in drifts)
    assert "expire" in str(plan["findings"])
    assert ["team/job"] == [
        check["where"] for check in checks if check["id"] == "clients" and "expire" in check["says"]
    ]
