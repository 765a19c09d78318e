"""What README.md tells a reader to type is run, and its definition is a valid one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iac.config.definitions import validate_project
from tests.config.given import PROJECT, write
from tests.docs.transcript import ROOT, bash, free_port

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _main_job() -> list[str]:
    section = README.partition("## The main job\n")[2].partition("\n## ")[0]
    return [re.sub(r" {2,}#.*", "", line.strip()) for line in section.splitlines() if line.startswith("    ")]


def test_the_main_job_is_done_as_it_is_told(tmp_path: Path) -> None:
    port = free_port()
    filled = {
        "https://iam.example.org/": f"http://localhost:{port}/",
        "IAC_CLIENT_ID=... IAC_CLIENT_SECRET=...": "IAC_CLIENT_ID=admin-client-rw IAC_CLIENT_SECRET=secret",
    }
    said = {}
    with bash(tmp_path) as shell:
        shell.start(f"iac sandbox --port {port}", "Reset with")
        assert shell.run("mkdir project && cd project")[0] == 0
        for line in _main_job():
            command = f"{line} --auto-approve" if line == "iac apply" else line
            for told, here in filled.items():
                command = command.replace(told, here)
            code, said[line] = shell.run(command)
            assert code == 0, (command, said[line])
    assert "1 definition, 1 environment: valid" in said["iac validate"]
    assert "Plan: 1 to create" in said["iac plan"]
    assert "Apply: 1 done." in said["iac apply"]
    assert (tmp_path / "project/out/portals/grafana/grafana.ini").is_file()


def test_the_definition_is_valid(tmp_path: Path) -> None:
    found = re.search(r"^A definition \(`([\w./-]+)`\):\n\n```yaml\n(.*?)```", README, re.MULTILINE | re.DOTALL)
    assert found
    root = write(tmp_path, {"iac.yaml": PROJECT, found[1]: found[2]})
    assert [] == [each for each in validate_project(root).diagnostics if each.severity == "error"]
