"""Twenty processes that apply different clients of one state at once: all land, none overwrites another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import Project

TWENTY = [f"team/app-{number}" for number in range(20)]


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["file", "git"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Keys of `state` in iac.yaml that lead to the same place from every checkout."""
    match request.param:
        case "git":
            remote = tmp_path / "remote.git"
            subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(remote)], check=True)
            yield f"backend: git\n  repository: {remote}"
        case _:
            yield f"backend: file\n  path: {tmp_path / 'state.json'}"


@pytest.mark.timeout(300)
def test_twenty_that_apply_at_once_all_land(project: Project, place: str, tmp_path: Path) -> None:
    project.edit("iac.yaml", "backend: file\n  path: .iac/state.json", place)
    project.edit("iac.yaml", project.read("iac.yaml").partition("lineage: ")[2].split()[0], "none-yet")
    project.edit("iac.yaml", "  lineage: none-yet\n", "")
    assert project.iac("state", "init").code == 0
    for address in TWENTY:
        project.define(address, grant_types=["client_credentials"])
    running = []
    for address in TWENTY:
        checkout = shutil.copytree(project.root, tmp_path / address)
        command = [sys.executable, "-m", "iac", "-C", str(checkout), "apply", "--auto-approve", "--target", address]
        running.append(
            subprocess.Popen(
                [*command, "--lock-timeout", "240"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, "TMPDIR": str(tmp_path)},
            )
        )  # fmt: skip
    ended = [(process.communicate()[0], process.returncode) for process in running]
    assert [0] * 20 == [code for _, code in ended], ended
    state = project.iac("state", "list", "--format", "json").json()
    assert set(TWENTY) == {client["address"] for client in state["clients"]}
    plan = project.iac("plan", "--detailed-exitcode", *(f"--target={address}" for address in TWENTY))
    assert plan.code == 0, plan.out
    assert not list(tmp_path.glob("iac-state-emergency-*"))
    assert project.iac("apply", "--auto-approve").code == 0
    for address in TWENTY:
        client = project.registered(address.replace("/", "-"))
        assert logs_in(project.sandbox.iam, client.client_id or "", client.client_secret or "")
