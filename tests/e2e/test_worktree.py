"""Secrets do not get into git by way of an output: refused where it is tracked, said where it is not ignored."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from iac import process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

OUT = "out/portal.env"
WHERE = "clients.d/team/portal.yaml:"


@pytest.fixture
def flavour() -> str:
    return "1.14"


@pytest.fixture
def tree(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as a git work tree that ignores state alone."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(project, "init", "-q")
    project.write(".gitignore", ".iac/\n")
    return project


def git(project: Project, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(project.root), *arguments], check=True, capture_output=True, timeout=60)


def track(project: Project, path: str = OUT) -> None:
    project.write(path, "old\n")
    git(project, "add", "-f", "--", path)


def told(project: Project) -> list[tuple[str, str]]:
    plan: Any = project.iac("plan", "--format", "json").json()
    return [(each["id"], each["severity"]) for each in plan["findings"]]


def test_a_tracked_output_is_refused_before_anything_is_sent(tree: Project) -> None:
    track(tree)
    said = tree.apply()
    assert said.code == 3
    assert "git tracks out/portal.env [output-tracked]" in said.out
    assert "fix: git rm --cached -- out/portal.env, and the line /out/portal.env in .gitignore" in said.out
    assert "team/portal: create team-portal" in said.out
    assert tree.sandbox.iam.world.store.find("team-portal") is None
    assert tree.read(OUT) == "old\n"


def test_the_plan_says_so_and_what_is_told_lets_the_apply_through(tree: Project) -> None:
    track(tree)
    said = tree.iac("plan", "--format", "json")
    assert said.code == 3
    (guard,) = said.json()["guards"]
    assert ("output-tracked", ["team/portal"], OUT) == (guard["id"], guard["addresses"], guard["value"])
    git(tree, "rm", "-q", "--cached", "--", OUT)
    assert tree.iac("plan").code == 0
    tree.write(".gitignore", ".iac/\n/out/portal.env\n")
    assert [] == told(tree)
    assert tree.apply().code == 0
    assert "CLIENT_SECRET=" in tree.read(OUT)


def test_an_output_that_is_not_ignored_is_a_warning_with_the_line_to_add(tree: Project) -> None:
    said = tree.iac("plan")
    assert said.code == 0
    assert f"\n  {WHERE}" in said.out
    line = "warning: out/portal.env lies in a git work tree and is not ignored [output-not-ignored]"
    assert f"{line}\n    fix: the line /out/portal.env in .gitignore" in said.out
    assert [("output-not-ignored", "warning")] == told(tree)
    digest = tree.iac("plan", "--format", "json").json()["digest"]
    tree.write(".gitignore", ".iac/\n/out/\n")
    assert digest == tree.iac("plan", "--format", "json").json()["digest"]
    assert tree.apply().code == 0


def test_a_plan_whose_outputs_stay_as_they_are_asks_nothing_of_git(
    tree: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tree.apply().code == 0
    monkeypatch.setattr(process, "start", None)
    assert [] == told(tree)


def test_an_output_without_a_secret_may_lie_anywhere(tree: Project) -> None:
    tree.define(
        "team/portal",
        redirect_uris=["https://portal.example.org/cb"],
        token_endpoint_auth_method="none",
        outputs=[{"template": "json", "path": "out/public.json"}],
    )
    track(tree, "out/public.json")
    assert [] == told(tree)
    assert tree.apply().code == 0
    said = tree.iac("render")
    assert (0, "") == (said.code, said.err)


def test_render_refuses_a_tracked_output_and_writes_the_others(tree: Project) -> None:
    tree.define(
        "team/other", grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": "out/other.env"}]
    )
    assert tree.apply().code == 0
    shutil.rmtree(tree.root / "out")
    track(tree)
    said = tree.iac("render")
    assert said.code == 3
    assert "refused    out/portal.env: git tracks out/portal.env" in said.out
    assert "fix: git rm --cached -- out/portal.env" in said.out
    assert "warning: out/other.env lies in a git work tree and is not ignored" in said.err
    assert ("old\n", True) == (tree.read(OUT), "CLIENT_SECRET=" in tree.read("out/other.env"))
    said = tree.iac("-q", "render", "--format", "json")
    states = {each["path"]: (each["status"], bool(each["warning"])) for each in said.json()["outputs"]}
    assert {OUT: ("refused", False), "out/other.env": ("unchanged", True)} == states
    assert tree.iac("render", "--check").code == 2


def test_a_failed_output_outweighs_a_refused_one(tree: Project) -> None:
    tree.define(
        "team/other", grant_types=["client_credentials"], outputs=[{"template": "dotenv", "path": "out/other.env"}]
    )
    assert tree.apply().code == 0
    shutil.rmtree(tree.root / "out")
    track(tree)
    (tree.root / "out/other.env").mkdir()
    assert tree.iac("render").code == 1


def test_a_rotation_is_refused_too(tree: Project) -> None:
    assert tree.apply().code == 0
    before = tree.registered("team-portal").client_secret
    git(tree, "add", "-f", "--", OUT)
    assert tree.iac("rotate", "team/portal", "--auto-approve").code == 3
    assert tree.registered("team-portal").client_secret == before


def test_a_repository_that_git_refuses_is_a_warning(tree: Project) -> None:
    tree.write(".git/config", "[core]\n\trepositoryformatversion = 99\n")
    said = tree.iac("plan")
    assert said.code == 0
    assert "git does not say whether out/portal.env is ignored [output-not-checked]" in said.out
    assert [("output-not-checked", "warning")] == told(tree)
    assert tree.apply().code == 0
    assert "warning: git does not say whether" in tree.iac("render").err


def test_outside_of_git_nothing_is_said(project: Project) -> None:
    assert [] == told(project)
    assert project.apply().code == 0
    said = project.iac("render")
    assert (0, "") == (said.code, said.err)


def test_inside_a_hook_the_repository_of_the_project_is_asked(
    tree: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(tree)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert tree.iac("plan").code == 3
