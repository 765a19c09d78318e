"""Runs a command again and again, each time in a child that dies at its next call that changes something.

Called as a script: `killed.py ROOT COMMAND...`. After each death the same command is run again, then `iac state list`;
one JSON object for each death says how they ended.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from iac import files
from iac.cli import run
from tests.backends.crashing import DIED, arm

CALLS = ("write", "fsync", "replace", "unlink", "link", "mkdir", "rmdir", "fchmod", "open")
BARE = """\
project: demo
issuer: https://iam.example.org/
provider: iam-admin
auth: {method: token, token: {env: TOKEN}}
"""


def changes(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a call changes something: `open` does where it may make a file."""
    return name != "open" or bool(args[1] & os.O_CREAT)


def fresh(root: Path, arguments: list[str]) -> None:
    for name in ("demo", "config", "tmp"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("demo", "tmp"):
        (root / name).mkdir()
    if arguments[0] == "state":
        (root / "demo/iac.yaml").write_text(BARE)
    os.environ.update(XDG_CONFIG_HOME=str(root / "config"), TMPDIR=str(root / "tmp"))
    os.chdir(root / "demo")


def dies(arguments: list[str], fatal: int) -> bool:
    child = os.fork()
    if child == 0:
        arm(CALLS, fatal, changes)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            os._exit(run(arguments))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED


def again(root: Path, arguments: list[str]) -> dict[str, Any]:
    """What the next process finds."""
    files._swept.clear()
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code, listed = run(arguments), run(["state", "list"])
    litter = [*root.rglob(".*.iac-tmp"), *(root / "tmp").iterdir()]
    is_there = "there is a project already" in err.getvalue() or "there is a state already" in err.getvalue()
    return {
        "code": code,
        "said": err.getvalue(),
        "is_there": is_there,
        "listed": listed,
        "litter": [path.name for path in litter],
    }


def main(root: Path, arguments: list[str]) -> None:
    fatal = 1
    fresh(root, arguments)
    while dies(arguments, fatal):
        sys.stdout.write(json.dumps({"call": fatal, **again(root, arguments)}) + "\n")
        fatal += 1
        fresh(root, arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
