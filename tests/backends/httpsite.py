"""State on a server of Terraform's protocol, as two machines reach it."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from iac.backends.http.document import HttpCell, HttpLock, targets
from iac.backends.http.server import StateServer
from iac.backends.remote import LocalPaths, RemoteBackend
from iac.transport.http import Transport
from tests.backends.clock import StoppedClock
from tests.backends.contract import RemoteSite
from tests.backends.given import OWNER
from tests.backends.stateserver import LOGIN

if TYPE_CHECKING:
    from pathlib import Path

    from iac.backends.cell import Cell
    from iac.core.state.document import Owner
    from iac.ports import Clock
    from tests.backends.stateserver import StateServer as Served


class PacedClock(StoppedClock):
    """Stands still but for sleeping, which takes a hundredth of the time. Its tokens are like no other clock's."""

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(seconds / 100)


class HttpSite(RemoteSite):
    """A state on a server."""

    def __init__(self, machines: Path, server: Served) -> None:
        self.machines = machines
        self.server = server

    def open_pair(self, clock: Clock) -> tuple[HttpCell, HttpLock]:
        """The cell and the run's lock of one process; the lock lasts as long as its holder says."""
        place = self.server.place
        server = StateServer(targets(place), LOGIN, clock, Transport(timeout=5.0))
        lock = HttpLock(server, clock, least=timedelta(0))
        return HttpCell(server, lock), lock

    def cell(self) -> Cell:
        return self.open_pair(PacedClock())[0]

    def run_lock(self, clock: Clock) -> HttpLock:
        return self.open_pair(clock)[1]

    def on(self, machine: str, owner: Owner = OWNER, *, cell: Cell | None = None) -> RemoteBackend:
        clock = PacedClock()
        own, lock = self.open_pair(clock)
        places = LocalPaths(self.journal(machine, owner), (self.rescue(machine),))
        return RemoteBackend(cell or own, lock, owner, clock, places)

    def document(self) -> str:
        return (self.server.state.newest() or b"").decode()

    def tamper(self, text: str) -> None:
        self.server.put(text.encode())

    def wipe(self) -> None:
        self.server.state.versions = None
