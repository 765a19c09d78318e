"""A definition that is not read is named, and the project is found from its folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

DEFINITION = (
    "client_id: team-job\nclient_name: Client job\ngrant_types: [client_credentials]\ncontacts: [ops@example.org]\n"
)
PLACES = ["clients.d/team/job.YAML", "clients.d/team/job.json", "clients.d/team/job.Yml", "job.yaml"]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_definition_in_a_file_that_is_not_read_is_named(project: Project, path: str, command: str) -> None:
    project.define("team/other", grant_types=["client_credentials"], contacts=["ops@example.org"])
    project.write(path, DEFINITION)
    assert path in project.iac(command).text


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
@pytest.mark.parametrize("path", PLACES)
def test_it_is_not_to_take_the_place_of_a_definition_that_is_read(project: Project, path: str, suffix: str) -> None:
    read = "clients.d/job" if path == "job.yaml" else "clients.d/team/job"
    project.write(read + suffix, DEFINITION)
    project.write(path, DEFINITION)
    said = project.iac("validate").text
    assert f"fix: {read}{suffix} exists: compare them, then delete this one" in said
    (project.root / (read + suffix)).unlink()
    assert f"it to {read}.yaml" in project.iac("validate").text


def test_in_a_folder_of_the_project_the_file_above_is_found(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], contacts=["ops@example.org"])
    project.done("validate", cwd="clients.d/team")
    assert "team/job" in project.done("plan", cwd="clients.d").out


def test_paths_stay_relative_to_the_folder_that_iac_was_started_in(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], contacts=["ops@example.org"])
    project.define("team/bad", grant_types=["client_credentials"], contacts=["ops"])
    assert 0 == project.iac("validate", "job.yaml", cwd="clients.d/team").code
    assert "clients.d/team/bad.yaml" in project.iac("validate", "bad.yaml", cwd="clients.d/team").text
    assert "clients.d/team/job.yaml" in project.done("fmt", "team/job.yaml", cwd="clients.d").out
    assert 64 == project.iac("validate", "../../..", cwd="clients.d/team").code
    project.write("bad.json", "{}")
    assert 64 == project.iac("validate", "bad.json", cwd="clients.d/team").code


def test_a_new_project_is_made_in_the_folder_itself(project: Project) -> None:
    (project.root / "inner").mkdir()
    project.done("init", "--project", "inner", "--issuer", "https://iam.example.org/", cwd="inner")
    assert (project.root / "inner/iac.yaml").is_file()
