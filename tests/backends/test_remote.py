"""State in a cell, over one in memory: what all remote backends have in common."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.lock import Lease
from iac.core.errors import StateError, UnreachableError
from iac.core.state.document import TextOrigin, parse_state
from iac.core.state.model import ClientWritten, IntentDropped
from tests.backends.cells import MemoryCell, Place
from tests.backends.contract import RemoteContract, RemoteSite, Troubled
from tests.backends.given import EMPTY, SEALED, client, holding, written

if TYPE_CHECKING:
    from pathlib import Path

    from iac.backends.cell import Cell, Stored
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
def remote(tmp_path: Path) -> MemorySite:
    return MemorySite(tmp_path)


@pytest.fixture
def site(remote: RemoteSite) -> RemoteSite:
    return remote


class TestContract(RemoteContract):
    """A state in a cell keeps what every backend promises."""


def test_a_disk_that_takes_no_journal_costs_a_write_elsewhere(remote: MemorySite) -> None:
    remote.begun()
    backend = remote.on("one")
    state = backend.save(holding("a", serial=backend.load().serial))
    remote.journal("one").parent.write_text("in the way")
    backend.record([ClientWritten("wlcg/a", replace(client("a"), applied={"client_name": "b"}))])
    assert "b" == remote.on("two").load().clients["wlcg/a"].applied["client_name"]
    assert state.serial + 1 == remote.on("two").load().serial


def test_another_run_on_this_machine_that_records_meanwhile_is_a_conflict(remote: MemorySite) -> None:
    remote.begun()
    one, other = remote.on("one"), remote.on("one")
    state = one.load()
    other.load()
    other.record([IntentDropped("wlcg/a")])
    with pytest.raises(StateError, match="changed by somebody else") as caught:
        one.save(state)
    assert "on this machine" in caught.value.why


def test_what_was_recorded_before_a_conflict_is_in_an_emergency_copy(remote: MemorySite) -> None:
    remote.begun()
    mine, theirs = remote.on("one"), remote.on("two")
    mine.load()
    theirs.save(replace(theirs.load(), run_id="theirs"))
    with pytest.raises(StateError, match="changed by somebody else") as caught:
        mine.record([written("a")])
    (copy,) = remote.rescue("one").iterdir()
    assert f"iac state push --force {copy}" in caught.value.fix
    assert holding("a", serial=1) == parse_state(copy.read_text(), TextOrigin("copy"))


def test_a_place_that_refuses_the_first_write_of_a_state_says_why(remote: MemorySite) -> None:
    with pytest.raises(UnreachableError, match="cannot be written") as caught:
        remote.on("one", cell=Troubled(remote.cell(), "refused")).create(EMPTY)
    assert "no" == caught.value.why


def test_a_place_that_holds_no_text_is_damaged(remote: MemorySite) -> None:
    remote.place.data = b"\xff\xfe"
    with pytest.raises(StateError, match="damaged") as caught:
        remote.open().load()
    assert "not UTF-8" == caught.value.why


def test_a_damaged_journal_of_this_machine_is_refused_with_the_way_on(remote: MemorySite) -> None:
    backend = remote.begun()
    backend.record([IntentDropped("wlcg/a")])
    backend.record([IntentDropped("wlcg/b")])
    data = remote.journal("one").read_bytes()
    remote.journal("one").write_bytes(data.replace(b"wlcg/a", b"wlcg/x"))
    with pytest.raises(StateError, match="journal is damaged") as caught:
        remote.open().load()
    assert str(remote.journal("one")) == caught.value.where
    assert "move the file away" in caught.value.fix


def test_a_thousand_answers_in_flight_share_a_few_writes(remote: MemorySite) -> None:
    """Each brings a secret of its own; the writes of a place that takes a while hold many each."""
    remote.begun()

    class Slow(MemoryCell):
        swaps = 0

        def _swap(self, data: bytes, old: Stored | None) -> Stored:
            self.swaps += 1
            time.sleep(0.05)
            return super()._swap(data, old)

    cell = Slow(remote.place)
    backend = remote.on("one", cell=cell)
    backend.load()

    def secret(number: int) -> ClientWritten:
        sealed = replace(SEALED, sealed=f"age:{number}")
        return ClientWritten(f"wlcg/{number}", replace(client(str(number)), secret=sealed))

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: backend.record([secret(number)]), range(320)))
    assert 320 == len(remote.on("two").load().clients)
    assert 320 / 16 >= cell.swaps
