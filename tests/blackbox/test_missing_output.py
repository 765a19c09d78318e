"""An output that was written here and is deleted or altered since is named; nobody else is bothered with it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from tests.blackbox.kit import Project

OUTPUT = "out/job.env"


@pytest.fixture
def applied(project: Project) -> Project:
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    project.done("apply", "--auto-approve")
    return project


def delete(path: Path) -> None:
    path.unlink()


def alter(path: Path) -> None:
    path.write_text("CLIENT_ID=another\n", encoding="utf-8")


@pytest.mark.parametrize("damage", [delete, alter])
@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("doctor",)])
def test_it_is_named_with_its_fix(applied: Project, damage: Callable[[Path], None], command: tuple[str, ...]) -> None:
    damage(applied.root / OUTPUT)
    said = applied.iac(*command).text
    assert OUTPUT in said
    assert "iac render" in said


def test_a_fresh_checkout_is_not_told_of_files_that_it_never_had(applied: Project) -> None:
    note = {path.name for path in (applied.root / ".iac").iterdir()} - {"state.json"}
    for name in note:
        (applied.root / ".iac" / name).unlink()
    shutil.rmtree(applied.root / "out")
    plan = applied.done("plan", "--detailed-exitcode")
    assert OUTPUT not in plan.text


@pytest.fixture(params=["the output", "its folder"])
def obstructed(request: pytest.FixtureRequest, project: Project) -> Project:
    project.define("team/job", grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": OUTPUT}])
    if request.param == "the output":
        (project.root / OUTPUT).mkdir(parents=True)
    else:
        project.write("out", "a file")
    return project


def test_something_else_at_an_outputs_place_is_said_before_apply_which_sends_nothing(
    obstructed: Project, sandbox: Sandbox
) -> None:
    for command in (("plan",), ("doctor",)):
        said = obstructed.iac(*command)
        assert (0, True) == (said.code, f"{OUTPUT} cannot be written: " in said.text)
    assert 1 == obstructed.apply().code
    assert sandbox.iam.world.store.find("team-job") is None


def test_a_folder_in_the_place_of_an_output_is_not_taken_for_it(applied: Project) -> None:
    (applied.root / OUTPUT).unlink()
    (applied.root / OUTPUT).mkdir()
    for command in (("plan",), ("doctor",)):
        assert f"{OUTPUT} cannot be written: there is a folder" in applied.iac(*command).text
    said = applied.iac("render", "--check")
    assert (1, True) == (said.code, "there is a folder" in said.text)


def test_a_file_that_others_may_read_is_not_as_wanted_until_render_has_corrected_it(applied: Project) -> None:
    (applied.root / OUTPUT).chmod(0o644)
    for command, code in ((("plan",), 0), (("doctor",), 0), (("render", "--check"), 2)):
        said = applied.iac(*command)
        assert (code, True) == (said.code, f"{OUTPUT} does not have mode 0600" in said.text), said.text
    assert "differs" == applied.iac("render", "--check", "--format", "json").json()["outputs"][0]["status"]
    applied.done("render")
    assert 0o600 == (applied.root / OUTPUT).stat().st_mode & 0o777
    assert "mode 0600" not in applied.done("plan").text + applied.done("render", "--check").text
