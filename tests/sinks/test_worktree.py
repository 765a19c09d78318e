"""Whether git would take an output up, asked of the real program."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from iac import git as gitcommand
from iac import process
from iac.git import NOT_CHECKED, NOT_IGNORED, TRACKED
from iac.sinks.file.sink import FileSink

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.errors import Diagnostic

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

PATH = "out/app.env"


@pytest.fixture(autouse=True)
def _no_settings_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that is a git work tree, with nothing in it."""
    return repository(tmp_path / "project")


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    return folder


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always")
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def track(folder: Path, path: str) -> None:
    write(folder / path)
    git(folder, "--literal-pathspecs", "add", "-f", "--", path)


def write(path: Path, text: str = "old\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def exposed(project: Path, *paths: str) -> dict[str, Diagnostic]:
    return dict(FileSink(project).exposed(paths or (PATH,)))


def told(project: Path, *paths: str) -> dict[str, tuple[str, str]]:
    return {path: (said.id, said.fix) for path, said in exposed(project, *paths).items()}


def trackings(project: Path, *paths: str) -> dict[str, str]:
    return {path: each.id for path, each in exposed(project, *paths).items()}


def test_outside_of_any_work_tree_no_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", None)
    assert {} == exposed(tmp_path)


def test_without_outputs_no_program_is_started(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", None)
    assert {} == FileSink(project).exposed(())


def test_a_hundred_outputs_cost_three_calls(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    start = process.start

    def count(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return start(*args, **kwargs)

    write(project / ".gitignore", "/out/\n")
    monkeypatch.setattr(process, "start", count)
    assert {} == exposed(project, *(f"out/{number}.env" for number in range(100)))
    assert 3 == len(calls)


def test_a_thousand_outputs_are_told_apart(project: Path) -> None:
    paths = [f"out/{'x' * 60}/{number}.env" for number in range(1000)]
    track(project, paths[700])
    found = trackings(project, *paths)
    assert set(paths) == set(found)
    assert [paths[700]] == [path for path, tracking in found.items() if tracking is TRACKED]


def test_an_output_that_git_would_take_up_is_told_with_the_line_that_keeps_it_out(project: Path) -> None:
    assert {PATH: (NOT_IGNORED, "the line /out/app.env in .gitignore")} == told(project)


def test_a_tracked_output_is_told_with_the_command_and_the_line(project: Path) -> None:
    track(project, PATH)
    fix = "git rm --cached -- out/app.env, and the line /out/app.env in .gitignore"
    assert {PATH: (TRACKED, fix)} == told(project)


def test_a_line_in_gitignore_does_not_hide_that_a_file_is_tracked(project: Path) -> None:
    track(project, PATH)
    write(project / ".gitignore", "/out/\n")
    assert {PATH: TRACKED} == trackings(project)


def test_a_tracked_output_that_was_deleted_on_disk_is_still_tracked(project: Path) -> None:
    track(project, PATH)
    (project / PATH).unlink()
    assert {PATH: TRACKED} == trackings(project)


def test_other_ways_to_ignore_count_too(project: Path) -> None:
    write(project / ".git/info/exclude", "*.env\n")
    assert {} == exposed(project)


HOSTILE = [
    "-rf",
    "out/-dash",
    ":(top)x",
    "*",
    "out/[a]?.env",
    "out/a b ",
    "#out",
    "!out",
    'out/"quoted".env',
    "out/back\\slash",
    "out/späte",
    "out/$(x)`y`;z'",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_what_is_told_works_for_any_path(project: Path, path: str) -> None:
    """The command and the line are followed, word by word; then the output is ignored."""
    track(project, path)
    track(project, "other.env")
    (found,) = exposed(project, path).values()
    assert found.id is TRACKED
    command, _, ignore = found.fix.partition(", and the line ")
    subprocess.run(shlex.split(command), cwd=project, check=True, capture_output=True, timeout=60)
    line, _, file = ignore.rpartition(" in ")
    assert {path: (NOT_IGNORED, f"the line {line} in {file}")} == told(project, path)
    write(project / file, f"{line}\n")
    assert {"other.env": TRACKED} == trackings(project, path, "other.env")


def test_a_path_with_a_line_break_is_looked_at_and_needs_another_name(project: Path) -> None:
    path = "out/a\nb.env"
    (found,) = exposed(project, path).values()
    assert (NOT_IGNORED, True) == (found.id, found.fix.startswith("another path"))
    track(project, path)
    assert {path: TRACKED} == trackings(project, path)


def test_a_project_in_a_folder_of_a_work_tree_is_told_what_to_type_there(tmp_path: Path) -> None:
    project = repository(tmp_path / "all") / "iam" / "prod"
    track(tmp_path / "all", f"iam/prod/{PATH}")
    fix = "git rm --cached -- out/app.env, and the line /out/app.env in .gitignore"
    assert {PATH: (TRACKED, fix)} == told(project)
    git(project, "rm", "-q", "--cached", "--", PATH)
    write(project / ".gitignore", "/out/app.env\n")
    assert {} == exposed(project)


def test_a_repository_inside_the_project_is_asked_about_its_own(project: Path) -> None:
    nested = repository(project / "deploy")
    track(nested, "app.env")
    write(project / ".gitignore", "/deploy/\n")
    found = told(project, "deploy/app.env", "deploy/other.env", PATH)
    assert {
        "deploy/app.env": (TRACKED, "git -C deploy rm --cached -- app.env, and the line /app.env in deploy/.gitignore"),
        "deploy/other.env": (NOT_IGNORED, "the line /other.env in deploy/.gitignore"),
        PATH: (NOT_IGNORED, "the line /out/app.env in .gitignore"),
    } == found


def test_a_submodule_is_asked_about_its_own(project: Path, tmp_path: Path) -> None:
    source = repository(tmp_path / "source")
    track(source, "app.env")
    git(source, "commit", "-q", "-m", "first")
    git(project, "submodule", "--quiet", "add", str(source), "sub")
    assert {"sub/app.env": TRACKED, "sub/b": NOT_IGNORED} == trackings(project, "sub/app.env", "sub/b")


def test_a_submodule_that_is_not_checked_out_is_a_folder_like_others(project: Path, tmp_path: Path) -> None:
    source = repository(tmp_path / "source")
    track(source, "app.env")
    git(source, "commit", "-q", "-m", "first")
    git(project, "submodule", "--quiet", "add", str(source), "sub")
    git(project, "submodule", "--quiet", "deinit", "-f", "sub")
    assert {"sub/app.env": NOT_IGNORED} == trackings(project, "sub/app.env")


def test_a_linked_work_tree_is_one(project: Path, tmp_path: Path) -> None:
    track(project, PATH)
    git(project, "commit", "-q", "-m", "first")
    git(project, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert {PATH: TRACKED, "b": NOT_IGNORED} == trackings(tmp_path / "linked", PATH, "b")


def test_a_folder_that_is_a_link_is_looked_at_where_it_leads(project: Path) -> None:
    track(project, "real/app.env")
    (project / "out").symlink_to("real")
    fix = "git rm --cached -- real/app.env, and the line /real/app.env in .gitignore"
    assert {PATH: (TRACKED, fix)} == told(project)


def test_an_output_whose_place_cannot_be_used_is_left_to_the_write(project: Path, tmp_path: Path) -> None:
    (project / "out").symlink_to(tmp_path)
    assert {"b": NOT_IGNORED} == trackings(project, PATH, "b")


def test_a_repository_in_the_environment_is_not_the_one_that_is_asked(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook git sets these for its own repository."""
    other = repository(tmp_path / "other")
    track(other, PATH)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_ICASE_PATHSPECS", "1")
    assert {PATH: NOT_IGNORED} == trackings(project)
    assert {} == exposed(tmp_path)


def test_what_git_is_told_by_the_environment_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "rules", "*.env\n")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.excludesFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(project / "rules"))
    assert {} == exposed(project)


def test_a_repository_that_git_refuses_is_said_to_be_unknown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.repositoryFormatVersion")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "99")
    git_config = project / ".git/config"
    git_config.write_text("[core]\n\trepositoryformatversion = 99\n", encoding="utf-8")
    (found,) = exposed(project).values()
    assert (NOT_CHECKED, True) == (found.id, found.why.startswith("fatal: "))
    assert "\n" not in found.why
    assert found.fix.startswith("git status says why")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a folder away")
def test_a_repository_of_somebody_else_is_said_to_be_unknown(project: Path) -> None:
    for path in (project, project / ".git"):
        os.chown(path, 4242, 4242)
    (found,) = exposed(project).values()
    assert (NOT_CHECKED, True) == (found.id, "dubious ownership" in found.why)


def test_what_only_looks_like_a_repository_is_none(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (found,) = exposed(tmp_path).values()
    assert (NOT_CHECKED, True) == (found.id, "not a git repository" in found.why)


def fake_git(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_without_git_nothing_is_said(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {} == exposed(project)


def test_a_git_that_cannot_be_run_is_told(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path / "bin", "")
    (tmp_path / "bin/git").write_bytes(b"\x7fELF")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (found,) = exposed(project).values()
    assert (NOT_CHECKED, "Exec format error: git") == (found.id, found.why)


def test_a_git_that_never_answers_is_told(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path / "bin", "exec /bin/sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(gitcommand, "SECONDS", 0.1)
    (found,) = exposed(project).values()
    assert (NOT_CHECKED, "git rev-parse gave no answer within 0.1 seconds") == (found.id, found.why)


def test_a_git_that_fails_without_a_word_is_told(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(tmp_path / "bin", "exit 3")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (found,) = exposed(project).values()
    assert "git rev-parse ended with 3" == found.why


def test_git_gets_none_of_our_secrets(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path / "bin", f"/usr/bin/env > '{tmp_path}/seen'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("IAC_CLIENT_SECRET", "canary-secret")
    exposed(project)
    assert "canary-secret" not in (tmp_path / "seen").read_text(encoding="utf-8")


def test_asking_changes_nothing_in_the_repository(project: Path) -> None:
    track(project, PATH)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*") if stat.S_ISREG(path.stat().st_mode)}
    exposed(project, PATH, "out/b")
    after = {path: path.stat().st_mtime_ns for path in project.rglob("*") if stat.S_ISREG(path.stat().st_mode)}
    assert before == after
