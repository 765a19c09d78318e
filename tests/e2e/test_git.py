"""The commands with state in git: two machines, a held lock, a server that declines, no secret in any object."""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from iac.backends.lock import render_note
from iac.ports import Holder
from tests.backends.gitremote import Server
from tests.e2e.project import Project, heed_ctrl_c

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = "iac-state"
FILE = "demo/default.json"
LOCK = f"refs/iac/lock/{BRANCH}/demo/default%2Ejson"
LOGIN = "Canary-login-secret-1"
HELD = Holder("run-of-another", "ada@elsewhere 4711", "2026-11-23T11:58:57Z", "2999-01-01T00:00:00Z")


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server.make(tmp_path / "server")


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """The temporary directory of processes."""
    path = tmp_path / "temp"
    path.mkdir()
    return path


@pytest.fixture
def shared(project: Project, server: Server) -> Project:
    """The project, its state in a branch, made and empty."""
    project.keep_state_in(f"backend: git\n  repository: {server.repository}")
    return project


def machine(project: Project, folder: Path) -> Project:
    """Another machine's checkout: what is in version control and nothing else."""
    shutil.copytree(project.root, folder, ignore=shutil.ignore_patterns(".iac", "out"))
    return Project(folder, project.sandbox, project._capsys)


def started(project: Project, temp: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "iac", "-C", str(project.root), *arguments],
        env={**os.environ, "TMPDIR": str(temp)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # nothing but a system call
    )  # fmt: skip


def ended(project: Project, temp: Path, *arguments: str) -> str:
    """What a command said that had to succeed; the temporary directory is as empty as before."""
    process = started(project, temp, *arguments)
    out, err = process.communicate(timeout=60)
    assert (0, "") == (process.returncode, "".join(re.findall("error.*|Traceback.*", err)))
    assert [] == list(temp.iterdir())
    return out + err


def hold(server: Server) -> None:
    """Another run's lock."""
    blob = server.git("hash-object", "-w", "--stdin", given=render_note(HELD).decode()).strip()
    tree = server.git("mktree", given=f"100644 blob {blob}\tnote\n").strip()
    commit = server.git("-c", "user.name=a", "-c", "user.email=b", "commit-tree", "-m", "lock", tree).strip()
    server.git("update-ref", LOCK, commit)


def test_no_secret_is_in_any_object_and_nothing_stays_on_the_machine(
    project: Project, server: Server, temp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.by_hand("admin-client-rw", client_secret=LOGIN)
    monkeypatch.setenv("IAC_CLIENT_SECRET", LOGIN)
    project.keep_state_in(f"backend: git\n  repository: {server.repository}")
    secrets = {LOGIN, os.environ["IAC_AGE_IDENTITY"]}
    said = ended(project, temp, "apply", "--auto-approve")
    secrets.add(project.registered("team-portal").client_secret or "")
    said += ended(project, temp, "rotate", "team/portal", "--auto-approve")
    secrets.add(project.registered("team-portal").client_secret or "")
    project.define("team/other", grant_types=["client_credentials"])
    (project.root / "clients.d/team/portal.yaml").unlink()
    project.write("iac.yaml", project.read("iac.yaml") + "removed: [{address: team/portal, then: delete}]\n")
    said += ended(project, temp, "apply", "--auto-approve")
    objects = server.git("cat-file", "--batch-all-objects", "--batch")
    assert 4 == len(secrets)
    for secret in secrets:
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        assert not any(form in objects + said for form in (secret, encoded[:-2]))
    assert "team-portal" in objects
    assert [f"refs/heads/{BRANCH}"] == list(server.refs())
    subjects = server.git("log", "--format=%s", BRANCH).splitlines()
    assert all(re.fullmatch(r"iac: default serial \d+, run \S+", subject) for subject in subjects)


def test_a_second_machine_goes_on_where_the_first_one_ended(shared: Project, server: Server, tmp_path: Path) -> None:
    before = int(server.git("rev-list", "--count", BRANCH))
    applied = shared.apply()
    assert applied.code == 0, applied.err
    assert before + 2 == int(server.git("rev-list", "--count", BRANCH))
    other = machine(shared, tmp_path / "other")
    assert other.iac("plan", "--detailed-exitcode").code == 0
    assert other.iac("render").code == 0
    assert other.read("out/portal.env") == shared.read("out/portal.env")


def test_a_held_lock_ends_with_6_and_is_broken_by_name(shared: Project, server: Server) -> None:
    hold(server)
    refused = shared.apply("--lock-timeout", "0")
    assert refused.code == 6
    assert f"locked by another run: {FILE} in branch {BRANCH} of {server.repository}" in refused.err
    assert "ada@elsewhere 4711" in refused.err
    assert "if that run has died, run: iac state unlock" in shared.iac("plan").err
    assert shared.iac("state", "unlock", HELD.run_id).code == 0
    assert shared.apply("--lock-timeout", "0").code == 0


def test_who_is_interrupted_while_waiting_leaves_nothing(shared: Project, server: Server, temp: Path) -> None:
    hold(server)
    process = started(shared, temp, "apply", "--auto-approve", "--lock-timeout", "600")
    deadline = time.monotonic() + 30
    while not list(temp.glob("iac-run-git-*/packed-refs")) and not list(temp.glob("iac-run-git-*/refs/state/iac")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert 130 == process.returncode
    assert [] == list(temp.iterdir())
    assert [f"refs/heads/{BRANCH}", LOCK] == list(server.refs())


def test_what_a_server_declines_in_the_end_is_brought_back_by_what_is_told(
    shared: Project, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    mark = tmp_path / "written"
    server.hook(f"grep -q refs/heads || exit 0\ntest -e {mark} || {{ touch {mark}; exit 0; }}\necho frozen >&2\nexit 1")
    failed = shared.apply()
    assert failed.code == 5
    assert "remote: frozen" in failed.out
    found = re.search(r"iac (state push .*)", failed.out)
    assert found, failed.out
    (server.repository / "hooks" / "pre-receive").unlink()
    assert shared.iac(*shlex.split(found[1])).code == 0
    assert shared.apply().code == 0
    assert shared.iac("plan", "--detailed-exitcode").code == 0
    assert [f"refs/heads/{BRANCH}"] == list(server.refs())


def test_the_state_may_be_in_the_project_s_own_repository(project: Project, server: Server, temp: Path) -> None:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", project.root, *arguments], text=True)

    git("init", "--quiet", "--initial-branch=main")
    git("remote", "add", "origin", str(server.repository))
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=b", "commit", "--quiet", "--message=all")
    git("push", "--quiet", "origin", "main")
    project.keep_state_in("backend: git")
    before = git("rev-parse", "HEAD"), git("for-each-ref"), git("count-objects")
    ended(project, temp, "apply", "--auto-approve")
    assert before == (git("rev-parse", "HEAD"), git("for-each-ref"), git("count-objects"))
    assert FILE == server.git("ls-tree", "-r", "--name-only", BRANCH).strip()


def test_a_remote_that_is_not_there_is_told_with_what_to_run(project: Project) -> None:
    project.edit("iac.yaml", "backend: file\n  path: .iac/state.json", "backend: git\n  remote: upstream")
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    refused = project.iac("plan")
    assert refused.code == 1
    assert "no such remote: remote upstream" in refused.err
    assert "fix: git remote add upstream URL" in refused.err
