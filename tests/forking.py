"""Real processes of `iac`, forked from one that has imported everything: a run costs its own work alone.

As a script it is that one process. It is single-threaded and reads a JSON object a line on stdin: the arguments of a
command, and either the number and moment of the call at which the command dies or its environment and folder. It
answers with what became of it.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from iac.cli import main
from tests.crash.calls import Calls, Moment, Point

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.sandbox.server import Sandbox

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: exit code, or minus the signal's number. `calls` of one that was watched and not killed."""

    code: int
    out: str
    err: str
    calls: list[str] = field(default_factory=list)


class Commands:
    """Runs commands; `environ` is all that they see, and `scratch` a folder for what they say."""

    def __init__(self, environ: Mapping[str, str], scratch: Path) -> None:
        script = [sys.executable, "-W", "error", "-m", "tests.forking", str(scratch)]
        self._parent = subprocess.Popen(
            script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ
        )

    def close(self) -> None:
        """End the process that they are forked from."""
        self._parent.communicate(timeout=10)

    def run(self, *arguments: str, last: Point | None = None, given: str = "") -> Ended:
        """One command in a process of its own, which dies at its last call; `given` is what it gets on stdin."""
        point = [last.number, last.moment] if last else None
        return self._ask({"arguments": arguments, "given": given, "is_watched": True, "last": point})

    def run_in(self, environ: Mapping[str, str], folder: Path, *arguments: str, given: str = "") -> Ended:
        """One command in a process with an environment and a folder of its own; no call is counted.

        A `sitecustomize` on its PYTHONPATH is run, as at the start of any process.
        """
        where = {"environ": dict(environ), "folder": str(folder)}
        return self._ask({"arguments": arguments, "given": given, "is_watched": False, **where})

    def _ask(self, command: Mapping[str, Any]) -> Ended:
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.write(json.dumps(command) + "\n")
        self._parent.stdin.flush()
        return Ended(**json.loads(self._parent.stdout.readline()))

    def run_to_rest(self, sandbox: Sandbox, root: Path, *arguments: str, last: Point | None = None) -> Ended:
        """One command in a project; the server is at rest when this returns."""
        ended = self.run("-C", str(root), *arguments, last=last)
        assert "Traceback" not in ended.out + ended.err, ended.err
        deadline = time.monotonic() + 10
        while sandbox.server.connections:
            assert time.monotonic() < deadline, "the server still works for a process that is gone"
            time.sleep(0.001)
        return ended


def _serve(scratch: Path) -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line), scratch)) + "\n")
        sys.stdout.flush()


def _run(asked: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    given, out, err, report = (scratch / name for name in ("given", "out", "err", "report"))
    report.unlink(missing_ok=True)
    given.write_text(asked["given"], encoding="utf-8")
    child = os.fork()
    if child == 0:
        _become(asked, (given, out, err), report)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = json.loads(report.read_text()) if report.exists() else {"calls": [], "modules": []}
    for name in set(told["modules"]) - sys.modules.keys():
        with suppress(ImportError):
            importlib.import_module(name)
    return {"code": code, "out": out.read_text(), "err": err.read_text(), "calls": told["calls"]}


def _become(asked: Mapping[str, Any], streams: tuple[Path, Path, Path], report: Path) -> NoReturn:
    for number, path in enumerate(streams):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
        os.dup2(os.open(path, flags, 0o600), number)
    calls = Calls(Point(asked["last"][0], Moment(asked["last"][1])) if asked.get("last") else None)
    if asked["is_watched"]:
        calls.watch()
    else:
        _move(asked["environ"], asked["folder"])
    try:
        main(asked["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as fault:
        sys.stderr.write(f"Traceback: {fault!r}\n")
        code = 70
    labels = list(calls.labels)
    atexit._run_exitfuncs()  # as at the end of any process, which this one does not come to
    sys.stdout.flush()
    sys.stderr.flush()
    report.write_text(json.dumps({"calls": labels, "modules": sorted(sys.modules)}))
    os._exit(code)


def _move(environ: Mapping[str, str], folder: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for place in environ.get("PYTHONPATH", "").split(os.pathsep):
        if (script := Path(place, "sitecustomize.py")).is_file():
            exec(script.read_text(encoding="utf-8"), {})


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
