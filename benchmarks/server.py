"""Which IAM is measured: the bundled sandbox as a process of its own, or one that the caller may load."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST_REMOTE = 1000
"""Clients at most that are registered at a time on a server by --url."""

MOST_REMOTE_RUNS = 10
"""Runs of a case at most there: with them and all cases about 100 requests for one of --size."""

FLAVOURS = ("1.12", "1.14")

_ALWAYS = 10_000_000
_LIST, _ONE = "/iam/api/clients", "/iam/api/clients/*"
PACES: dict[str, tuple[tuple[str, str, float], ...]] = {
    "full": (),
    "real": (("GET", _LIST, 0.070), ("GET", _ONE, 0.030), ("PUT", _ONE, 0.045), ("POST", _LIST, 0.036)),
}
"""Seconds that the sandbox waits before it answers, by method and path.

`full`: none, it answers as fast as it can: about ten times as fast as a real IAM lists. `real`: so that what is in
flight together takes as long as on a warm IAM 1.12.0 with 16 in flight: 1,000 clients listed in 0.22 s, 1,000 GETs in
2.1 s, 100 PUTs in 0.29 s, 1,000 creates in 2.4 s. It is waiting, not work: the client has both cores for itself.
"""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked of a server: clients, and runs of each case."""

    size: int
    runs: int


class RefusedError(Exception):
    """The benchmark will not do this to that server; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to measure and how to log in. `label` is what the table calls it."""

    issuer: str
    client_id: str
    client_secret: str
    label: str
    is_sandbox: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """The login as variables, as iac and the floors read it."""
        return {"IAC_CLIENT_ID": self.client_id, "IAC_CLIENT_SECRET": self.client_secret}


@contextmanager
def start_sandbox(flavour: str, pace: str = "full") -> Iterator[Server]:
    """A sandbox in its own process, on a free port, as long as the context lasts."""
    delays = [
        {"kind": "delay", "match": {"method": method, "path": path}, "seconds": wait, "times": _ALWAYS}
        for method, path, wait in PACES[pace]
    ]
    command = [sys.executable, "-m", "iac.sandbox", "--port", "0", "--flavour", flavour]
    command += ["--faults", json.dumps(delays)]
    label = flavour if pace == "full" else f"{flavour}, {pace} pace"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(_url_of(process), "admin-client-rw", "secret", label, is_sandbox=True)
        finally:
            process.terminate()
            process.communicate()


def _url_of(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        name, _, value = line.strip().partition(" ")
        if name == "url":
            return value.strip()
    raise RefusedError(f"the sandbox did not start: exit code {process.wait()}")


def remote(issuer: str, environ: Mapping[str, str], load: Load, *, is_owned: bool) -> Server:
    """A server by its address.

    Raises:
        RefusedError: it is another machine and nobody said that it may be loaded, the run is too large for a server
            that is no sandbox, or there is no login.
    """
    host = urlsplit(issuer).hostname or ""
    if load.size > LARGEST_REMOTE or load.runs > MOST_REMOTE_RUNS:
        most = f"--size {LARGEST_REMOTE} and --runs {MOST_REMOTE_RUNS}"
        raise RefusedError(
            f"this is too much for a server that is not the sandbox\nfix: with --url take {most} at most"
        )
    if host not in _LOOPBACK and not is_owned:
        raise RefusedError(
            f"{host} is another machine: {load.size} clients would be registered, changed and deleted there,"
            f" {load.runs} times and more\nfix: when that is yours to decide, add --i-own-this-server"
        )
    if not environ.get("IAC_CLIENT_ID") or not environ.get("IAC_CLIENT_SECRET"):
        raise RefusedError("no login\nfix: set IAC_CLIENT_ID and IAC_CLIENT_SECRET to a client with iam:admin.write")
    return Server(issuer, environ["IAC_CLIENT_ID"], environ["IAC_CLIENT_SECRET"], host)
