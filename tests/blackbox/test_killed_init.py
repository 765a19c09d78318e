"""`iac init` and `iac state init`, killed at any call or without room: the same command ends what was begun."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.backends.stateserver import PASSWORD, USER, GitLab, serving
from tests.blackbox.kit import COMMAND, INHERITED, SECONDS, Ended, Project

if TYPE_CHECKING:
    from pathlib import Path

INIT = ("init", "--project", "demo", "--issuer", "https://iam.example.org/")
BARE = """\
project: demo
issuer: https://iam.example.org/
provider: iam-admin
auth: {method: token, token: {env: TOKEN}}
"""
GIT = "state: {backend: git, remote: origin, branch: iac-state}\n"

DEADLY = """
import os, signal, subprocess
left = int(os.environ["DIE_AT"])

def deadly(call, counts=lambda *_: True):
    def wrapped(*args, **kwargs):
        global left
        done = call(*args, **kwargs)
        if counts(*args):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return done
    return wrapped

for name in ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir"):
    setattr(os, name, deadly(getattr(os, name)))
os.open = deadly(os.open, lambda path, flags, *_: flags & os.O_CREAT)
os.write = deadly(os.write, lambda file, *_: file > 2)
subprocess.Popen.__init__ = deadly(subprocess.Popen.__init__)

import socket
socket.socket.send = deadly(socket.socket.send)
"""
"""A sitecustomize that kills the process right after one of the calls by which it changes something."""


def fresh(folder: Path) -> Project:
    """An empty folder, home and folder of temporary files, none of which was there before."""
    (folder / "demo").mkdir(parents=True)
    (folder / "tmp").mkdir()
    env = {"XDG_CONFIG_HOME": str(folder / "config"), "TMPDIR": str(folder / "tmp")}
    return Project(folder / "demo", env, needs_process=True)


def run_until(deadly: int, project: Project, *arguments: str) -> Ended:
    """A command that dies at a call."""
    folder = project.root.parent / "deadly"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DEADLY)
    return project.iac(*arguments, env={"PYTHONPATH": str(folder), "DIE_AT": str(deadly)})


def with_hub(project: Project) -> None:
    """A git repository with a remote of its own."""
    hub = str(project.root.parent / "hub.git")
    for arguments in (["init", "-q", "--bare", hub], ["init", "-q", "."], ["remote", "add", "origin", hub]):
        subprocess.run(["git", *arguments], cwd=project.root, check=True)


def litter(project: Project) -> list[str]:
    folder = project.root.parent
    places = [*project.root.rglob(".*.iac-tmp"), *(folder / "config").rglob("*.iac-tmp"), *(folder / "tmp").iterdir()]
    return [str(path.relative_to(folder)) for path in places]


def check_whole(project: Project) -> None:
    """Nothing is left to be swept, and the project is read by commands, which need no process for it."""
    assert [] == litter(project)
    project.needs_process = False
    project.done("state", "list")
    project.done("validate")
    assert len(project.read("iac.yaml").split("lineage:")) == 2


@pytest.mark.parametrize(
    ("command", "step"), [("init", 7), ("init with git", 29), ("state init", 5), ("state init with git", 19)]
)
def test_a_command_that_is_killed_is_ended_by_the_same_command(tmp_path: Path, command: str, step: int) -> None:
    """Each `step`-th call is the last; `cli/test_killed_init.py` dies at every one."""
    arguments = ("state", "init") if command.startswith("state") else INIT
    if command == "init with git":
        arguments = (*arguments, "--backend", "git")
    for deadly in count(1, step):
        project = fresh(tmp_path / str(deadly))
        if "git" in command:
            with_hub(project)
        if arguments[0] == "state":
            project.write("iac.yaml", BARE + GIT * ("git" in command))
            project.define("a", grant_types=["client_credentials"])
        ended = run_until(deadly, project, *arguments)
        if ended.code != -signal.SIGKILL:
            assert 0 == ended.code, ended.text
            break
        again = project.iac(*arguments)
        assert again.code == 0 or "already" in again.err, (deadly, again.text)
        if arguments[0] == "init":
            project.define("a", grant_types=["client_credentials"])
        check_whole(project)
    assert deadly > 3 * step


def test_a_state_on_a_server_whose_init_is_killed_is_made_by_the_next(tmp_path: Path) -> None:
    for deadly in count(1, 5):
        project = fresh(tmp_path / str(deadly))
        with serving(GitLab()) as server:
            place = (
                f"state: {{backend: http, address: '{server.address}', username: {{env: U}}, password: {{env: P}}}}\n"
            )
            project.env |= {"U": USER, "P": PASSWORD}
            project.write("iac.yaml", BARE + place)
            project.define("a", grant_types=["client_credentials"])
            ended = run_until(deadly, project, "state", "init")
            if ended.code != -signal.SIGKILL:
                assert 0 == ended.code, ended.text
                break
            server.state.lock = None  # its time is over
            again = project.iac("state", "init")
            assert again.code == 0 or "already" in again.err, (deadly, again.text)
            check_whole(project)
    assert deadly > 10


@pytest.mark.parametrize("size", [0, 10, 100, 200])
@pytest.mark.parametrize("arguments", [INIT, ("state", "init")])
def test_a_disk_without_room_leaves_nothing_in_the_way_of_the_next_run(
    tmp_path: Path, arguments: tuple[str, ...], size: int
) -> None:
    empty = fresh(tmp_path / "one")
    if arguments[0] == "state":
        empty.write("iac.yaml", BARE)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    full = subprocess.run(
        [*COMMAND, *arguments],
        cwd=empty.root,
        env={**inherited, **empty.env, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert 1 == full.returncode, full.stderr
    assert "fault in iac" not in full.stderr
    empty.done(*arguments)
    empty.define("a", grant_types=["client_credentials"])
    check_whole(empty)
