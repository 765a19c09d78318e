"""A command at a terminal, which is asked and answers."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

from tests.blackbox.kit import COMMAND, INHERITED, SECONDS, Ended

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

ROOM = 4096
"""Bytes that a terminal keeps for its reader; the commands of these tests say less."""


def answered(project: Project, answer: str, *arguments: str) -> Ended:
    """Run a command whose stdin and stderr are a terminal on which `answer` was typed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=project.root,
            env={**inherited, "HOME": str(project.root.parent), "NO_COLOR": "1", **project.env},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        shown = os.read(ours, ROOM).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)
    return Ended(done.returncode, done.stdout, shown)
