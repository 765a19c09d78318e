"""The example project is applied whole: its clients are registered, credentials work, a second plan is empty."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.blackbox.kit import Project
from tests.services.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_the_example_project_is_applied_and_its_credentials_work(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in ("clients.d", "templates"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "iac.yaml", root)
    login = {"IAC_CLIENT_ID": "admin-client-rw", "IAC_CLIENT_SECRET": "secret"}
    project = Project(root, {**login, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    with start_sandbox() as sandbox:
        project.edit("iac.yaml", "http://localhost:8080/", sandbox.issuer)
        project.done("state", "init")
        assert "Apply: 13 done." in project.done("apply", "--auto-approve").out
        project.done("render", "--check")
        project.done("verify")
        assert "Plan: no changes; 13 unchanged" in project.done("plan").out
