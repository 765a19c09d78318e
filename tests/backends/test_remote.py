"""State in a cell, over one in memory: what all remote backends have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.backends.lease import Lease
from tests.backends.cells import MemoryCell, Place
from tests.backends.contract import RemoteContract, RemoteSite

if TYPE_CHECKING:
    from pathlib import Path

    from iac.backends.cell import Cell
    from iac.ports import Clock


class MemorySite(RemoteSite):
    def __init__(self, machines: Path) -> None:
        self.machines = machines
        self.place, self.lock_place = Place(), Place()

    def cell(self) -> Cell:
        return MemoryCell(self.place)

    def run_lock(self, clock: Clock) -> Lease:
        return Lease(MemoryCell(self.lock_place), clock)

    def document(self) -> str:
        return (self.place.data or b"").decode()

    def tamper(self, text: str) -> None:
        self.place.data = text.encode()
        self.place.version += 1

    def wipe(self) -> None:
        self.place.data = None


@pytest.fixture
def remote(tmp_path: Path) -> RemoteSite:
    return MemorySite(tmp_path)


@pytest.fixture
def site(remote: RemoteSite) -> RemoteSite:
    return remote


class TestContract(RemoteContract):
    """A state in a cell keeps what every backend promises."""
