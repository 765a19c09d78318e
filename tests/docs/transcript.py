"""Documents whose code blocks are run: `console` blocks with commands and what they say, `sh` blocks with commands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^( *)```\w*\n.*?^\1```$", re.MULTILINE | re.DOTALL)
_MARK = "end-of-command-2f9c"


@dataclass(frozen=True)
class Step:
    """A command and what it says; None where the document does not tell."""

    command: str
    output: str | None


def read_page(name: str) -> str:
    """A page of docs/, each of its code blocks at the left margin, also one that belongs to an item of a list."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return _ANY_BLOCK.sub(lambda block: re.sub(rf"^{block[1]}", "", block[0], flags=re.MULTILINE), page)


def steps(page: str) -> Iterator[Step]:
    """The commands of a page in their order."""
    for kind, text in _BLOCK.findall(page):
        if kind == "sh":
            yield Step(text, None)
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Step(command, output)


def pattern(output: str) -> str:
    """A regular expression for an output in which a line `...` stands for any lines, and `...` for the rest of one."""
    return "".join(_line(line) for line in output.splitlines(keepends=True))


def _line(line: str) -> str:
    return "(?s:.*)" if line == "...\n" else ".*".join(re.escape(part) for part in line.split("..."))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


class Bash:
    """One shell in which commands are run, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin: IO[str] = process.stdin
        self._stdout: IO[str] = process.stdout

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output of a command; both streams."""
        self._stdin.write(f"{command}\nprintf '%s %d\\n' {_MARK} $?\n")
        self._stdin.flush()
        said = ""
        for line in self._stdout:
            before, mark, code = line.partition(_MARK)
            said += before
            if mark:
                return int(code), said
        raise AssertionError(f"the shell has ended: {said}")

    def start(self, command: str, last: str) -> str:
        """Start a command in the background and give what it says up to the line that begins with `last`."""
        self._stdin.write(f"{command} & sandbox=$!\n")
        self._stdin.flush()
        said = ""
        for line in self._stdout:
            said += line
            if line.startswith(last):
                return said
        raise AssertionError(f"the shell has ended: {said}")


@contextmanager
def bash(folder: Path) -> Iterator[Bash]:
    """A shell in a folder, with `iac` on its path and a home of its own; what it has started ends with it."""
    home = folder / "home"
    home.mkdir()
    left_out = ("IAC_", "BEARER_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment = {**kept, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(
        ["bash"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        shell = Bash(process)
        try:
            yield shell
        finally:
            shell.run('test -z "$sandbox" || { kill $sandbox; wait $sandbox; }')
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)
