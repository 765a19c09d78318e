"""A command as a person at a terminal sees it."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SECONDS = 60


def on_terminal(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str:
    """What a command prints, on both streams and in its colours; it has to end with 0. COLUMNS sets the width."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b"".join(_received(ours)).decode()
        assert 0 == process.wait(SECONDS), text
    os.close(ours)
    return text.replace("\r\n", "\n")


def _received(terminal: int) -> Iterator[bytes]:
    try:
        while data := os.read(terminal, 65536):
            yield data
    except OSError:  # Linux's end of a terminal
        return
