"""Twenty processes that apply different clients of one state at once: all land, none overwrites another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.backends import stateserver
from tests.backends.s3server import BUCKET, KEY, KEY_ID, serving
from tests.backends.stateserver import PASSWORD, USER, GitLab
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import Project

TWENTY = [f"team/app-{number}" for number in range(20)]

AT_ONCE = """
import importlib, json, os, pkgutil, sys
import iac
from iac.cli import main
for module in pkgutil.walk_packages(iac.__path__, "iac."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
children = []
for arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        main(arguments)
    children.append(child)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""
"""Forks the processes from one that has imported everything: to import takes most of what an `iac apply` costs."""


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["file", "git", "http", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Keys of `state` in iac.yaml that lead to the same place from every checkout."""
    match request.param:
        case "git":
            remote = tmp_path / "remote.git"
            subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(remote)], check=True)
            yield f"backend: git\n  repository: {remote}"
        case "http":
            monkeypatch.setenv("IAC_STATE_USER", USER)
            monkeypatch.setenv("IAC_STATE_PASSWORD", PASSWORD)
            login = "username: {env: IAC_STATE_USER}\n  password: {env: IAC_STATE_PASSWORD}"
            with stateserver.serving(GitLab()) as server:
                yield f"backend: http\n  address: {server.address}\n  {login}"
        case "s3":
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
            with serving() as endpoint:
                yield f"backend: s3\n  bucket: {BUCKET}\n  region: us-east-1\n  endpoint: {endpoint}"
        case _:
            yield f"backend: file\n  path: {tmp_path / 'state.json'}"


@pytest.mark.timeout(300)
def test_twenty_that_apply_at_once_all_land(project: Project, place: str, tmp_path: Path) -> None:
    project.keep_state_in(place)
    for address in TWENTY:
        project.define(address, grant_types=["client_credentials"])
    folders = [shutil.copytree(project.root, tmp_path / address) for address in TWENTY]
    said, codes = _apply_at_once(folders, tmp_path)
    assert [0] * len(TWENTY) == codes, said
    state = project.iac("state", "list", "--format", "json").json()
    assert set(TWENTY) == {client["address"] for client in state["clients"]}
    plan = project.iac("plan", "--detailed-exitcode", *(f"--target={address}" for address in TWENTY))
    assert plan.code == 0, plan.out
    assert not list(tmp_path.glob("iac-state-emergency-*"))
    assert project.iac("apply", "--auto-approve").code == 0
    for address in TWENTY:
        client = project.registered(address.replace("/", "-"))
        assert logs_in(project.sandbox.iam, client.client_id or "", client.client_secret or "")


def _apply_at_once(folders: list[Path], temp: Path) -> tuple[str, list[int]]:
    """What the processes said, and how each ended."""
    lines = [
        ["-C", str(folder), "apply", "--auto-approve", "--target", address, "--lock-timeout", "240"]
        for folder, address in zip(folders, TWENTY, strict=True)
    ]
    command = [sys.executable, "-c", AT_ONCE, json.dumps(lines)]
    environ = {**os.environ, "TMPDIR": str(temp)}
    said = subprocess.check_output(command, stderr=subprocess.STDOUT, text=True, env=environ)
    return said, json.loads(said.splitlines()[-1])
