"""A disk that fills up at any point of an apply: what is done is told, and the next run goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project

COUNT = 6


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository on a machine that has room: what stands for ssh there lifts the limit."""
    (tmp_path / "elsewhere").mkdir()
    remote, ssh = tmp_path / "elsewhere" / "remote.git", tmp_path / "elsewhere" / "ssh"
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(remote)], check=True)
    ssh.write_text('#!/bin/sh\nfor last in "$@"; do :; done\nulimit -S -f unlimited\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    return f"ssh://git@git.example.org{remote}"


@pytest.mark.parametrize("kilobytes", [0, 1, 2, 3, 4, 5, 6, 8, 10, 12])
def test_whatever_room_there_is_the_next_run_goes_on(project: Project, tmp_path: Path, kilobytes: int) -> None:
    """No file can grow beyond this size: neither state, journal, outputs nor emergency copies."""
    check(project, tmp_path, kilobytes)


@pytest.mark.parametrize("kilobytes", [0, 1, 2, 4, 8])
def test_whatever_room_there_is_beside_a_state_in_git_the_next_run_goes_on(
    project: Project, tmp_path: Path, served: str, kilobytes: int
) -> None:
    """The repository has room; this machine has none for git's objects, the second copy, outputs, emergency copies."""
    project.keep_state_in(f"backend: git\n  repository: {served}")
    check(project, tmp_path, kilobytes)


def check(project: Project, tmp_path: Path, kilobytes: int) -> None:
    (project.root / "clients.d/team/portal.yaml").unlink()
    for number in range(COUNT):
        project.define(
            f"six/c{number}",
            grant_types=["client_credentials"],
            outputs=[{"template": "json", "path": f"out/c{number}.json"}],
        )
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "iac", "-C", str(project.root), "apply", "--auto-approve"]
    said = subprocess.run(
        ["bash", "-c", f'ulimit -S -f {kilobytes}; exec "$@"', "bash", *command],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sent = sum(method == "POST" and path == "/iam/api/clients" for method, path, _ in project.sandbox.log)
    assert "fault in iac" not in said.stderr
    assert said.returncode in {0, 1, 5, 6}, said.stderr
    if said.returncode in {1, 6}:
        assert sent == 0, said.stderr
        head = (
            "error: the state cannot be written",
            "error: the state cannot be locked",
            "error: git's copy of the state",
        )
        assert said.stderr.startswith(head)
        assert "room" in said.stderr.partition("fix: ")[2]
    if said.returncode == 5:
        assert "state: not written" in said.stdout or "failed" in said.stdout
    again = project.apply()
    assert (0, "") == (again.code, again.err), again.out
    for number in range(COUNT):
        rendered = json.loads(project.read(f"out/c{number}.json"))
        assert logs_in(project.sandbox.iam, rendered["client_id"], rendered["client_secret"])
    names = [client.client_name for client in project.sandbox.iam.world.store.clients()]
    assert [1] * COUNT == [names.count(f"Client six/c{number}") for number in range(COUNT)]
    assert project.iac("plan", "--detailed-exitcode").code == 0
