"""Every command of the tutorial is run, in order, and says what the page shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.docs.transcript import ROOT, bash, free_port, pattern, steps

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL = ROOT / "docs/tutorial/first-client.md"
REFUSED = {"iac validate": [1, 0]}
"""Commands of the page that are meant to fail, and how they end each time."""


def test_the_tutorial_says_what_happens(tmp_path: Path) -> None:
    port = free_port()
    page = TUTORIAL.read_text(encoding="utf-8").replace("localhost:8080", f"localhost:{port}")
    codes = {command: list(ends) for command, ends in REFUSED.items()}
    commands = 0
    with bash(tmp_path) as shell:
        for step in steps(page):
            commands += 1
            if step.command == "iac sandbox":
                code, said = 0, shell.start(f"{step.command} --port {port}", "Reset with")
            else:
                code, said = shell.run(step.command)
            expected = codes[step.command].pop(0) if step.command in codes else 0
            assert (expected, step.command) == (code, step.command), said
            if step.output is not None:
                assert re.fullmatch(pattern(step.output), said), f"$ {step.command}\n{said}"
    assert commands > 15
    assert {command: [] for command in REFUSED} == codes


def test_the_tutorial_goes_from_init_to_a_changed_redirect_uri() -> None:
    commands = [step.command for step in steps(TUTORIAL.read_text(encoding="utf-8"))]
    words = [command.split()[1] for command in commands if command.startswith("iac ")]
    assert words.index("init") < words.index("plan") < words.index("apply")
    assert "redirect_uris\n        + " in TUTORIAL.read_text(encoding="utf-8")
