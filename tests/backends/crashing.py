"""Runs one operation of a FileBackend again and again, each time in a child that dies at the next call of the system.

Called as a script: `crashing.py ROOT`. Prints one JSON object for each death: operation, call, what was there after.
A child dies by `os._exit` before the call, or, where the call is a write, after half of it: nothing is cleaned up.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iac.backends.file.document import FileBackend
from tests.backends.clock import StoppedClock
from tests.backends.given import EMPTY, HOLDER, OWNER, holding, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CALLS = (
    "open",
    "write",
    "fsync",
    "ftruncate",
    "lseek",
    "close",
    "replace",
    "unlink",
    "link",
    "mkdir",
    "stat",
    "fchmod",
)
DIED = 99


def make(backend: FileBackend) -> None:
    backend.create(holding("new"))


def save(backend: FileBackend) -> None:
    backend.save(holding("new", serial=backend.load().serial))


def record(backend: FileBackend) -> None:
    backend.load()
    backend.record([written("new")])


def save_and_record(backend: FileBackend) -> None:
    backend.load()
    backend.save(holding("old", "new", serial=1))
    backend.record([written("newer")])


def nothing(_: Path) -> None:
    """No state yet."""


def saved(path: Path) -> None:
    backend = FileBackend(path, OWNER, StoppedClock(), [])
    backend.create(EMPTY)
    backend.load()
    backend.save(holding("old"))


def recorded(path: Path) -> None:
    backend = FileBackend(path, OWNER, StoppedClock(), [])
    backend.create(EMPTY)
    backend.load()
    backend.save(EMPTY)
    backend.record([written("old")])


def torn(path: Path) -> None:
    recorded(path)
    with path.with_name("state.json.journal").open("ab") as journal:
        journal.write(b'{"crc":"0000')


def littered(path: Path) -> None:
    recorded(path)
    path.with_name(".0123456789abcdef.iac-tmp").write_text("half a docum")


OPERATIONS: dict[str, tuple[Callable[[Path], None], Callable[[FileBackend], None]]] = {
    "create": (nothing, make),
    "save": (saved, save),
    "save with a journal": (recorded, save),
    "save with a torn journal": (torn, save),
    "save after a crash": (littered, save),
    "first record": (saved, record),
    "record": (recorded, record),
    "record after a torn one": (torn, record),
    "save and record": (recorded, save_and_record),
}


def dies_at(path: Path, operation: Callable[[FileBackend], None], fatal: int) -> bool:
    """Whether the operation came to its `fatal`-th call, and died there."""
    child = os.fork()
    if child == 0:
        backend = FileBackend(path, OWNER, StoppedClock(), [])
        arm(CALLS, fatal, lambda _name, _args: True)
        operation(backend)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in {0, DIED}:
        raise SystemExit(f"the child ended with {code}")
    return code == DIED


def arm(calls: Iterable[str], fatal: int, counts: Callable[[str, tuple[Any, ...]], bool]) -> None:
    """Die at the `fatal`-th of the calls that count; a write is done by half, every other one is not done."""
    left = [fatal]

    def deadly(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            left[0] -= counts(name, args)
            if left[0] == 0:
                if name == "write":
                    call(args[0], bytes(args[1])[: len(args[1]) // 2])
                os._exit(DIED)
            return call(*args, **kwargs)

        return wrapped

    for name in calls:
        setattr(os, name, deadly(getattr(os, name), name))


def after(path: Path) -> dict[str, Any]:
    """What the next process finds, and whether it can go on."""
    try:
        state = FileBackend(path, OWNER, StoppedClock(), []).load()
    except Exception as error:
        return {"error": str(error).partition(":")[0]}
    heir = FileBackend(path, OWNER, StoppedClock(), [])
    with heir.lock(HOLDER, timeout=0):
        heir.load()
        heir.record([written("next")])
        heir.save(heir.load())
    found = FileBackend(path, OWNER, StoppedClock(), []).load()
    return {
        "clients": sorted(state.clients),
        "next": sorted(set(found.clients) - set(state.clients)),
        "litter": bool(list(path.parent.glob(".*"))),
    }


def main(root: Path) -> None:
    for name, (prepare, operation) in OPERATIONS.items():
        fatal = 1
        while True:
            directory = root / "place"
            shutil.rmtree(directory, ignore_errors=True)
            path = directory / "state.json"
            prepare(path)
            has_died = dies_at(path, operation, fatal)
            sys.stdout.write(json.dumps({"operation": name, "call": fatal, "died": has_died, **after(path)}) + "\n")
            if not has_died:
                break
            fatal += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
