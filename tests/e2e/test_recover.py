"""What docs/how-to/recover.md and the threat model tell people to do, where the page itself cannot run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.sealing import new_identity
from tests.e2e.gate import held
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project

ADDRESS, CLIENT_ID = "team/portal", "team-portal"
OUTPUT = "out/portal.env"
SECONDS = 30

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def flavour() -> str:
    return "1.14"


@pytest.fixture
def remote(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with its state in a git repository."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    repository = tmp_path / "states.git"
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True, timeout=SECONDS)
    project.edit("iac.yaml", "backend: file\n  path: .iac/state.json", f"backend: git\n  repository: {repository}")
    text = re.sub(r"^ *lineage: .*\n", "", project.read("iac.yaml"), flags=re.MULTILINE)
    project.write("iac.yaml", text)
    shutil.rmtree(project.root / ".iac")
    assert project.iac("state", "init").code == 0
    return repository


def rendered(project: Project) -> str:
    lines = dict(line.split("=", 1) for line in project.read(OUTPUT).splitlines() if "=" in line)
    return lines["CLIENT_SECRET"].strip("'\"")


def kill_in_the_middle(project: Project) -> None:
    """An apply whose create is on its way when its machine goes away, disk and all."""
    command = [sys.executable, "-m", "iac", "-C", str(project.root), "apply", "--auto-approve"]
    with held(project.sandbox, "POST", "/iam/api/clients") as gate:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            gate.wait_for(1)
            process.kill()
        gate.open()
        gate.wait_for_effects()
    shutil.rmtree(project.root / ".iac", ignore_errors=True)
    shutil.rmtree(project.root / "out", ignore_errors=True)


@needs_git
@pytest.mark.usefixtures("remote")
def test_a_runner_that_is_gone_for_good_leaves_a_lock_that_names_it_and_a_state_to_go_on_from(project: Project) -> None:
    kill_in_the_middle(project)
    refused = project.apply()
    assert refused.code == 6
    assert "the state is locked by another run" in refused.err
    found = re.search(r"iac state unlock (\w+)", refused.err)
    assert found
    assert project.iac("state", "unlock", found[1]).code == 0
    assert f"interrupted {ADDRESS}" in project.iac("plan").out
    said = project.apply()
    assert (0, "") == (said.code, said.err)
    assert logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
    names = [client.client_name for client in project.sandbox.iam.world.store.clients()]
    assert 1 == names.count(f"Client {ADDRESS}")
    assert project.iac("plan", "--detailed-exitcode").code == 0


@needs_git
def test_an_older_state_comes_back_from_the_history_of_its_branch(project: Project, remote: Path) -> None:
    assert project.apply().code == 0
    shown = subprocess.run(
        ["git", "-C", str(remote), "show", "iac-state:demo/default.json"],
        capture_output=True, text=True, check=True, timeout=SECONDS,
    )  # fmt: skip
    project.write("copy.json", shown.stdout)
    assert project.iac("state", "rm", ADDRESS, "--yes").code == 0
    assert project.iac("plan").code == 3
    assert project.iac("state", "push", "copy.json").code == 1
    said = project.iac("state", "push", "--force", "copy.json")
    assert said.code == 0, said.err
    assert project.iac("plan", "--detailed-exitcode").code == 0
    assert project.iac("render", "--check").code == 0


def test_after_rekey_and_rotation_a_stolen_identity_opens_the_old_secret_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief, recipient = new_identity()
    project.edit("iac.yaml", "{recipients: [", f"{{recipients: [{recipient}, ")
    assert project.apply().code == 0
    mine, old = os.environ["IAC_AGE_IDENTITY"], project.read(".iac/state.json")
    project.edit("iac.yaml", f"{recipient}, ", "")
    assert project.iac("state", "rekey").code == 0
    assert project.iac("rotate", ADDRESS, "--auto-approve").code == 0
    assert logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
    monkeypatch.setenv("IAC_AGE_IDENTITY", thief.reveal())
    assert project.iac("render").code == 1
    new = project.read(".iac/state.json")
    project.write(".iac/state.json", old)
    (project.root / ".iac/state.json.journal").unlink(missing_ok=True)
    assert project.iac("render", "--accept-older-state").code == 0
    assert not logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
    monkeypatch.setenv("IAC_AGE_IDENTITY", mine)
    project.write(".iac/state.json", new)
    assert project.iac("render").code == 0


def test_with_the_identity_lost_a_rotation_needs_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.apply().code == 0
    fresh, recipient = new_identity()
    text = re.sub(r"recipients: \[\w+\]", f"recipients: [{recipient}]", project.read("iac.yaml"))
    project.write("iac.yaml", text)
    monkeypatch.delenv("IAC_AGE_IDENTITY")
    assert project.iac("rotate", ADDRESS, "--auto-approve").code == 0
    monkeypatch.setenv("IAC_AGE_IDENTITY", fresh.reveal())
    assert project.iac("render", "--check").code == 0
    assert logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
