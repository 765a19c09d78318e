"""At a terminal import and apply say the next step; in a log they do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.blackbox.kit import make_project
from tests.blackbox.terminal import answered

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_import_and_apply_say_the_next_step_at_a_terminal_alone(tmp_path: Path) -> None:
    with start_sandbox("1.14") as sandbox:
        project = make_project(tmp_path / "project", sandbox)
        project.write("export.json", json.dumps([{"client_id": "a", "client_name": "Client a", "scope": "openid"}]))
        assert "next:" not in project.done("import", "--from", "export.json", "--match", "*").text
        (project.root / "clients.d/a.yaml").unlink()
        assert "next: run iac plan" in answered(project, "", "import", "--from", "export.json", "--match", "*").err
        (project.root / "clients.d/a.yaml").unlink()
        outputs = [{"template": "dotenv", "path": "out/b.env"}]
        project.define("b", redirect_uris=["https://b.example.org/"], outputs=outputs)
        assert "next: run iac verify" in answered(project, "y\n", "apply").err
