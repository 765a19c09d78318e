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


@pytest.mark.xfail(strict=True, reason="the file is passed over without a word, and validate is content")
@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_definition_in_a_file_that_is_not_read_is_named(project: Project, path: str, command: str) -> None:
    project.define("team/other", grant_types=["client_credentials"], contacts=["ops@example.org"])
    project.write(path, DEFINITION)
    assert path in project.iac(command).text


@pytest.mark.xfail(strict=True, reason="there is no iac.yaml in this folder, says iac")
def test_in_a_folder_of_the_project_the_file_above_is_found(project: Project) -> None:
    project.define("team/job", grant_types=["client_credentials"], contacts=["ops@example.org"])
    project.done("validate", cwd="clients.d/team")
    assert "team/job" in project.done("plan", cwd="clients.d").out
