"""An output that could not be removed with its client is removed by a later run, though the client has left state."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.project import Project

ADDRESS, OUTPUT = "team/portal", "out/portal.env"


@pytest.fixture
def flavour() -> str:
    return "1.14"


@pytest.mark.parametrize("then", ["delete", "forget"])
def test_an_output_left_by_a_client_that_is_gone_is_planned_and_removed(project: Project, then: str) -> None:
    project.define("team/other", grant_types=["client_credentials"])
    assert project.apply().code == 0
    (project.root / f"clients.d/{ADDRESS}.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + f"removed: [{{address: {ADDRESS}, then: {then}}}]\n")
    output = project.root / OUTPUT
    output.unlink()
    output.mkdir()
    assert project.apply().code == 5
    shutil.rmtree(output)
    output.write_text("CLIENT_SECRET=dead\n")
    plan = project.iac("plan", "--format", "json").json()
    assert [(ADDRESS, "forget", "only its output is left")] == [
        (change["address"], change["action"], change["reason"]) for change in plan["changes"]
    ]
    done = project.apply()
    assert (0, "") == (done.code, done.err)
    assert f"{OUTPUT}: removed" in done.out
    assert not output.exists()
    assert project.iac("plan", "--detailed-exitcode").code == 0
