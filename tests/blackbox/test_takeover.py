"""Somebody adds a redirect URI of their own to a client on the server: the finding is that of the same line in git."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


@pytest.mark.xfail(strict=True, reason="drift shows the URI without the finding of policy")
def test_drift_has_the_finding(taken: Project) -> None:
    drift = taken.iac("drift")
    assert 2 == drift.code
    assert FINDING in drift.out
    assert FINDING in taken.iac("drift", "--format", "json").out
    assert FINDING in taken.iac("drift", "--format", "markdown").out


@pytest.mark.xfail(strict=True, reason="drift --accept writes it without a word")
def test_accepting_it_says_what_it_is(taken: Project) -> None:
    accepted = taken.iac("drift", "--accept", "team/portal")
    assert FINDING in accepted.text


@pytest.mark.xfail(strict=True, reason="--accept writes a key that all environments share and does not say so")
def test_accepting_into_a_key_of_all_environments_says_so(project: Project, sandbox: Sandbox) -> None:
    project.edit("iac.yaml", "  path: .iac/state.json\n", "")
    project.write(
        "iac.yaml",
        project.read("iac.yaml").split("  lineage:")[0]
        + "\n"
        + "".join(line + "\n" for line in project.read("iac.yaml").splitlines() if "encryption" in line)
        + "environments: {dev: {}, prod: {}}\n",
    )
    project.define(
        "team/portal", redirect_uris=[OWN], scope=["openid"], environments={"dev": {"client_id": "dev-portal"}}
    )
    for name in ("dev", "prod"):
        project.done("--env", name, "state", "init")
    project.done("--env", "dev", "apply", "--auto-approve")
    by_hand(sandbox, "dev-portal", redirect_uris=(OWN, "https://portal.example.org/cb2"))
    accepted = project.done("--env", "dev", "drift", "--accept", "team/portal")
    assert "prod" in accepted.text
