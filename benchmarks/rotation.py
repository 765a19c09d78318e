"""`python -m benchmarks.rotation`: how many token requests fail while a client is rotated, plainly and by a successor.

Threads ask the token endpoint of a sandbox again and again, each time with the credentials of the rendered file, read
anew; meanwhile the client is rotated by `iac rotate`, and predecessors are deleted by `iac apply`.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import threading
import time
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iac.cli import run
from iac.sandbox.server import start_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAVOURS = ("1.12", "1.13", "1.14")
ADDRESS, OUTPUT = "robot", "out/robot.json"
PROJECT = """\
project: bench
issuer: {issuer}
provider: iam-admin
auth: {{method: client_credentials, client_id: {{env: IAC_CLIENT_ID}}, client_secret: {{env: IAC_CLIENT_SECRET}}}}
state: {{backend: file, path: .iac/state.json, encryption: none}}
"""
LOGIN = {"IAC_CLIENT_ID": "admin-client-rw", "IAC_CLIENT_SECRET": "secret"}


@dataclass(slots=True)
class Tally:
    """Token requests so far: how many were answered, and the statuses of those that failed."""

    answered: int = 0
    failed: list[int] = field(default_factory=list)

    def count(self, status: int) -> None:
        """One answer."""
        self.answered += 1
        if status != HTTPStatus.OK:
            self.failed.append(status)


class Service:
    """What a service does: it reads its file and asks for a token, over and over, in some threads."""

    def __init__(self, issuer: str, file: Path) -> None:
        self.tally = Tally()
        self._address = urlsplit(issuer).netloc
        self._file = file
        self._lock = threading.Lock()
        self._end = threading.Event()

    @contextmanager
    def working(self, threads: int) -> Iterator[Tally]:
        """As long as the context lasts."""
        workers = [threading.Thread(target=self._work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield self.tally
        finally:
            self._end.set()
            for worker in workers:
                worker.join()

    def _work(self) -> None:
        while not self._end.is_set():
            status = self._ask()
            with self._lock:
                self.tally.count(status)

    def _ask(self) -> int:
        told = json.loads(self._file.read_text(encoding="utf-8"))
        login = base64.b64encode(f"{told['client_id']}:{told['client_secret']}".encode()).decode()
        head = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
        connection = HTTPConnection(self._address, timeout=10)
        try:
            connection.request("POST", "/token", "grant_type=client_credentials", head)
            return connection.getresponse().status
        finally:
            connection.close()


def define(root: Path, lifecycle: dict[str, str]) -> None:
    """The client; JSON is YAML."""
    definition = {
        "client_id": ADDRESS,
        "client_name": "A robot",
        "grant_types": ["client_credentials"],
        "lifecycle": lifecycle,
        "outputs": [{"template": "json", "path": OUTPUT}],
    }
    (root / "clients.d").mkdir(exist_ok=True)
    (root / f"clients.d/{ADDRESS}.yaml").write_text(json.dumps(definition), encoding="utf-8")


def iac(root: Path, *arguments: str) -> None:
    """One command.

    Raises:
        RuntimeError: it does not end with 0.
    """
    with redirect_stdout(StringIO()) as said:
        code = run(["-q", "-C", str(root), *arguments])
    if code != 0:
        raise RuntimeError(f"iac {' '.join(arguments)} ended with {code}\n{said.getvalue()}")


def rotate_under_load(flavour: str, root: Path, *, rotations: int, replaces: bool) -> Tally:
    """Rotate a client so many times while a service works with it; predecessors are deleted after a while each."""
    os.environ.update(LOGIN)
    with start_sandbox(flavour) as sandbox:
        root.mkdir()
        (root / "iac.yaml").write_text(PROJECT.format(issuer=sandbox.issuer), encoding="utf-8")
        staying = {"rotation": "replace", "grace": "7d"} if replaces else {}
        define(root, staying)
        iac(root, "state", "init")
        iac(root, "apply", "--auto-approve")
        with Service(sandbox.issuer, root / OUTPUT).working(threads=3) as tally:
            for _ in range(rotations):
                _wait(tally, tally.answered + 20)
                iac(root, "rotate", ADDRESS, "--auto-approve")
            _wait(tally, tally.answered + 20)
            if replaces:
                define(root, {**staying, "grace": "0d"})
                iac(root, "apply", "--auto-approve")
                _wait(tally, tally.answered + 20)
        return tally


def _wait(tally: Tally, answers: int) -> None:
    deadline = time.monotonic() + 60
    while tally.answered < answers:
        if time.monotonic() > deadline:
            raise RuntimeError("the service gets no answers")
        time.sleep(0.005)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.rotation", description=__doc__)
    parser.add_argument("--rotations", type=int, default=20, help="of each client (20)")
    given = parser.parse_args(arguments)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {given.rotations} rotations each, three threads")
    print(f"{'flavour':<8} {'rotation':<9} {'requests':>8} {'failed':>7}")
    with TemporaryDirectory() as folder:
        for flavour in FLAVOURS:
            for replaces in (False, True):
                name = "replace" if replaces else "secret"
                root = Path(folder) / f"{flavour}-{name}"
                tally = rotate_under_load(flavour, root, rotations=given.rotations, replaces=replaces)
                print(f"{flavour:<8} {name:<9} {tally.answered:>8} {len(tally.failed):>7}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
