"""A new state that nothing was applied with follows iac.yaml to another issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project


def test_an_empty_state_of_a_mistyped_issuer_is_no_dead_end(project: Project, sandbox: Sandbox) -> None:
    state = project.read(".iac/state.json")
    project.write(".iac/state.json", state.replace(sandbox.issuer, "https://iam.exmaple.org/"))
    (project.root / ".iac/state.json").chmod(0o600)
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("plan")
    project.done("apply", "--auto-approve")
    assert sandbox.issuer == project.state()["issuer"]
    project.done("plan", "--detailed-exitcode")


def test_a_state_with_clients_of_another_issuer_is_refused(project: Project, sandbox: Sandbox) -> None:
    project.define("team/job", grant_types=["client_credentials"], scope=["openid"])
    project.done("apply", "--auto-approve")
    project.write(
        ".iac/state.json", project.read(".iac/state.json").replace(sandbox.issuer, "https://iam.exmaple.org/")
    )
    refused = project.iac("plan")
    assert 1 == refused.code
    assert refused.err.startswith("error: the state belongs to another issuer: .iac/state.json\n")
