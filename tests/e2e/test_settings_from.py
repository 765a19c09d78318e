"""`--settings-from`: a plan of a pull request asks the base's server with the base's login, and says what differs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.workflow.pipelines.site import serve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def base(project: Project, tmp_path: Path) -> Path:
    """The iac.yaml as it was, with its state; the project itself asks for another server and login from now on."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "iac.yaml").write_text(project.read("iac.yaml"))
    (project.root / ".iac").rename(folder / ".iac")
    return folder / "iac.yaml"


def test_the_base_s_server_is_asked_and_the_difference_is_a_finding_with_its_place(
    project: Project, base: Path
) -> None:
    with serve(lambda _: {}) as evil:
        project.edit("iac.yaml", project.sandbox.issuer, f"{evil.url}/")
        project.edit("iac.yaml", "IAC_CLIENT_SECRET", "PATH")
        said = project.iac("plan", "--settings-from", str(base), "--format", "json")
        assert [] == evil.asked
    assert said.code == 0, said.err
    plan = said.json()
    assert (project.sandbox.issuer, 1) == (plan["issuer"], plan["summary"]["create"])
    found = [(each["id"], each["severity"], each["location"]["line"]) for each in plan["findings"]]
    assert [
        ("settings-changed", "warning", 2),
        ("settings-changed", "warning", 4),
    ] == found


def test_a_base_that_forbids_it_refuses_the_plan_of_other_settings(project: Project, base: Path) -> None:
    base.write_text(base.read_text() + "policy: {settings-changed: error}\n")
    project.write("iac.yaml", base.read_text() + "limits: {max_deletes: null}\n")
    refused = project.iac("plan", "--settings-from", str(base))
    assert refused.code == 1
    assert "limits.max_deletes is null here and not set in the base" in refused.err
    assert 1 == project.iac("validate", "--settings-from", str(base)).code
    assert 0 == project.iac("validate").code


@pytest.mark.parametrize("command", ["plan", "validate"])
def test_a_base_without_an_iac_yaml_says_what_to_do(project: Project, tmp_path: Path, command: str) -> None:
    said = project.iac(command, "--settings-from", str(tmp_path / "nowhere/iac.yaml"))
    assert said.code == 1
    assert "there are no settings to take" in said.err
    assert "merge one by itself first" in said.err


def test_validate_says_what_differs(project: Project, base: Path) -> None:
    project.write("iac.yaml", base.read_text() + "timeout: 5\n")
    said = project.iac("validate", "--settings-from", str(base), "--format", "json")
    assert said.code == 0
    (found,) = json.loads(said.out)["diagnostics"]
    assert ("settings-changed", "timeout is 5 here and not set in the base") == (found["id"], found["summary"])
