"""`iac plan` reads the server while it reads files: what is told first, and in which words, stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.project import Project


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def count_of(project: Project, path: str) -> int:
    return sum(each.startswith(path) for _, each, _ in project.sandbox.log)


def test_a_mistake_in_a_definition_is_told_before_a_login_that_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IAC_CLIENT_SECRET", "wrong")
    project.define("broken", grant_types="nonsense")
    said = project.iac("plan")
    assert said.code == 1
    assert "clients.d/broken.yaml" in said.err
    assert "login" not in said.err


def test_a_mistake_in_a_definition_is_told_before_a_secret_that_is_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IAC_CLIENT_SECRET")
    assert "IAC_CLIENT_SECRET" in project.iac("plan").err
    project.define("broken", grant_types="nonsense")
    assert "IAC_CLIENT_SECRET" not in project.iac("plan").err


def test_a_login_that_is_refused_is_tried_once_and_told_as_apply_tells_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IAC_CLIENT_SECRET", "wrong-and-never-shown")
    said = project.iac("plan")
    assert count_of(project, "/token") == 1
    assert said.code != 0
    assert "wrong-and-never-shown" not in said.err + said.out
    assert project.apply().err == said.err


def test_the_list_is_read_once(project: Project) -> None:
    for number in range(12):
        project.define(f"c{number}", scope=["openid"], grant_types=["client_credentials"])
    assert project.apply().code == 0
    before = count_of(project, "/iam/api/clients?")
    said = project.iac("plan", "--detailed-exitcode")
    assert said.code == 0, said.err + said.out
    assert count_of(project, "/iam/api/clients?") == before + 2
