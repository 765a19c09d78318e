"""Programs that iac starts: none runs what a commit brings, none gets a login that it does not need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.blackbox.kit import Project, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from iac.sandbox.server import Sandbox

CANARY = "canary-of-a-login"
SECRETS = (
    "IAC_STATE_PASSWORD", "IAC_INITIAL_ACCESS_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "BEARER_TOKEN", "IAM_TOKEN", "ANY_NAME_OF_A_LOGIN", "SOPS_AGE_KEY", "VAULT_TOKEN",
)  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def shared(tmp_path: Path, sandbox: Sandbox) -> Project:
    """A project in the folder `deep/project` of a git repository; its state is in a branch of the remote origin."""
    root = tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "hub.git")
    git(tmp_path, "init", "-q", "work")
    git(root, "remote", "add", "origin", str(tmp_path / "hub.git"))
    (root / "deep").mkdir()
    project = make_project(root / "deep/project", sandbox)
    project.env |= {"HOME": str(tmp_path), **dict.fromkeys(SECRETS, CANARY)}
    project.edit("iac.yaml", "  backend: file\n  path: .iac/state.json\n", "  backend: git\n  remote: origin\n")
    project.done("state", "init")
    project.define("a", grant_types=["client_credentials"], outputs=[{"template": "json", "path": "out/a.json"}])
    return project


def everything(project: Project) -> None:
    """Whatever asks git."""
    for command in (
        ["plan"], ["apply", "--auto-approve"], ["render"], ["doctor"], ["state", "list"], ["init", "--ci", "github"],
    ):  # fmt: skip
        assert project.iac(*command).code in {0, 1}
    project.done("plan", "--detailed-exitcode")


def attack(marker: Path) -> str:
    """Settings that run a program, whichever of them git obeys."""
    return (
        f'[core]\n\tsshCommand = "touch {marker}; false"\n\tfsmonitor = "touch {marker}; false"\n'
        f'\tgitProxy = "touch {marker}; false"\n\thooksPath = "{marker.parent}/hooks"\n\tpager = "touch {marker}"\n'
        f'[credential]\n\thelper = "!touch {marker}; false"\n'
        f'[remote "origin"]\n\turl = ssh://git@git.example.org/state.git\n'
        '[url "ssh://git@git.example.org/"]\n\tinsteadOf = /\n'
    )


def test_a_folder_that_looks_like_a_repository_is_none(shared: Project, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    shared.write("HEAD", "ref: refs/heads/main\n")
    shared.write("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n" + attack(marker))
    shared.write("objects/keep", "")
    shared.write("refs/keep", "")
    everything(shared)
    assert not marker.exists()


def test_settings_in_a_file_of_the_work_tree_are_not_obeyed(shared: Project, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    work = shared.root.parents[1]
    (work / ".gitconfig").write_text(attack(marker))
    git(work, "config", "include.path", "../.gitconfig")
    everything(shared)
    assert not marker.exists()


def test_a_git_file_that_leads_into_the_work_tree_is_refused(shared: Project, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    git(tmp_path, "init", "-q", "--bare", str(shared.root / "evil"))
    with (shared.root / "evil/config").open("a") as config:
        config.write(attack(marker))
    shared.write(".git", "gitdir: evil\n")
    refused = shared.iac("plan")
    assert 1 == refused.code
    assert "its .git leads to evil, which a commit can hold" in refused.err
    assert not marker.exists()


def test_a_repository_in_the_work_tree_gets_no_push_for_its_hooks_would_run(shared: Project, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    git(tmp_path, "init", "-q", "--bare", str(shared.root / "evil"))
    hook = shared.write("evil/hooks/pre-receive", f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    shared.edit("iac.yaml", "  remote: origin\n", "  repository: ./evil\n")
    refused = shared.iac("state", "init")
    assert "the state's repository is in the work tree" in refused.err
    assert not marker.exists()


def test_settings_of_the_checkout_are_obeyed(shared: Project, tmp_path: Path) -> None:
    """As actions/checkout leaves an ssh key: a program and an address in the repository's own settings."""
    work = shared.root.parents[1]
    ssh = _program(tmp_path / "bin/deploy-ssh", 'for last in "$@"; do :; done\nexec sh -c "$last"')
    git(work, "remote", "set-url", "origin", f"x:{tmp_path}/hub.git")
    git(work, "config", "url.ssh://git@git.example.org.insteadOf", "x:")
    git(work, "config", "core.sshCommand", str(ssh))
    everything(shared)


def test_no_child_gets_a_login_that_it_does_not_need(shared: Project, tmp_path: Path) -> None:
    work, seen = shared.root.parents[1], tmp_path / "seen"
    dump = f'(echo "=== $0"; env) >>{seen}'
    _program(tmp_path / "bin/git", f'{dump}\nexec {shutil.which("git")} "$@"')
    _program(tmp_path / "bin/ssh", f'{dump}\nfor last in "$@"; do :; done\nexec sh -c "$last"')
    git(work, "remote", "set-url", "origin", f"ssh://git@git.example.org{tmp_path}/hub.git")
    shared.env["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    everything(shared)
    text = seen.read_text()
    assert "bin/git" in text
    assert "bin/ssh" in text
    assert CANARY not in text
    assert not [line for line in text.splitlines() if line.startswith(("IAC_", "AWS_"))]


def test_the_agent_gets_no_login(shared: Project, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    _program(tmp_path / "bin/oidc-token", f"env >>{seen}\nexit 1")
    shared.env |= {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "OIDC_SOCK": "/nowhere"}
    project_yaml = json.dumps({"method": "oidc-agent", "account": "prod"})
    text = shared.read("iac.yaml")
    (line,) = [line for line in text.splitlines() if line.startswith("auth:")]
    shared.edit("iac.yaml", line, f"auth: {project_yaml}")
    assert 6 == shared.iac("plan").code
    assert "OIDC_SOCK=/nowhere" in seen.read_text()
    assert CANARY not in seen.read_text()
    assert "IAC_AGE_IDENTITY" not in seen.read_text()


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
