"""A run that is killed leaves no folder behind for longer than until the next run."""

from __future__ import annotations

import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

KILLER = """#!/bin/sh
case "$*" in *fetch*) kill -9 $PPID ;; esac
exec {git} "$@"
"""


def test_git_s_copy_of_a_killed_run_is_removed_by_the_next(project: Project) -> None:
    project.needs_process = True
    folder = project.root.parent
    for name in ("bin", "tmp"):
        (folder / name).mkdir()
    (folder / "bin/git").write_text(KILLER.format(git=shutil.which("git")))
    (folder / "bin/git").chmod(0o755)
    subprocess.run(["git", "init", "-q", "--bare", str(folder / "hub.git")], check=True)
    project.edit("iac.yaml", "  backend: file\n  path: .iac/state.json\n", "  backend: git\n  repository: ../hub.git\n")
    project.env["TMPDIR"] = str(folder / "tmp")
    project.done("state", "init")
    assert [] == list((folder / "tmp").iterdir())
    killed = project.iac("state", "list", env={"PATH": f"{folder}/bin:/usr/bin:/bin"})
    assert -signal.SIGKILL == killed.code
    assert 1 == len(list((folder / "tmp").iterdir()))
    project.done("state", "list")
    assert [] == list((folder / "tmp").iterdir())
