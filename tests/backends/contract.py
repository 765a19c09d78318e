"""What every state backend promises. A backend's test module subclasses `BackendContract` and gives a `site`."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.remote import LocalPaths, RemoteBackend
from iac.core.errors import LockedError, StateError, UnreachableError
from iac.core.state.document import TextOrigin, parse_state
from iac.core.state.model import ClientKey, ClientWritten, OutputRecord, Tombstone, fold
from tests.backends.clock import StoppedClock
from tests.backends.given import EMPTY, HOLDER, OWNER, SEALED, client, holding, intended, written

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.state.document import Owner
    from iac.core.state.model import State
    from iac.ports import Clock, StateBackend
    from iac.ports.state import Lock


class Site(ABC):
    """One place where a state may be, and a way to tamper with it."""

    @abstractmethod
    def open(self, owner: Owner = OWNER) -> StateBackend:
        """A backend of its own, as another process would have."""

    @abstractmethod
    def document(self) -> str:
        """The stored document."""

    @abstractmethod
    def tamper(self, text: str) -> None:
        """Put another document in its place, behind the backend's back."""

    @abstractmethod
    def wipe(self) -> None:
        """Remove the document."""

    def begun(self) -> StateBackend:
        """A backend whose empty state was made and read."""
        backend = self.open()
        backend.create(EMPTY)
        backend.load()
        return backend

    def edit(self, **members: Any) -> None:
        """Change members of the stored document."""
        self.tamper(json.dumps({**json.loads(self.document()), **members}))


class BackendContract:
    """The suite.

    Attributes:
        cut_every: bytes between two places where a document is cut off.
        writes: how often a state is recorded and saved while others read it.
    """

    cut_every = 37
    writes = 30

    def test_what_was_created_is_loaded_by_another_process(self, site: Site) -> None:
        site.open().create(holding("a"))
        assert holding("a") == site.open().load()

    def test_a_state_is_created_only_once(self, site: Site) -> None:
        site.open().create(holding("a"))
        with pytest.raises(StateError, match="there is a state already"):
            site.open().create(EMPTY)
        assert holding("a") == site.open().load()

    def test_of_many_that_create_at_once_one_succeeds(self, site: Site) -> None:
        def create(number: int) -> bool:
            try:
                site.open().create(replace(EMPTY, run_id=f"run-{number}"))
            except StateError:
                return False
            return True

        with ThreadPoolExecutor(12) as pool:
            created = list(pool.map(create, range(12)))
        assert 1 == created.count(True)
        assert f"run-{created.index(True)}" == site.open().load().run_id

    def test_a_missing_state_is_never_taken_for_empty(self, site: Site) -> None:
        with pytest.raises(StateError, match="there is no state") as caught:
            site.open().load()
        assert "iac state init" in caught.value.fix

    def test_a_state_that_went_away_is_missing(self, site: Site) -> None:
        site.begun()
        site.wipe()
        with pytest.raises(StateError, match="there is no state"):
            site.open().load()

    @pytest.mark.parametrize("member", ["project", "environment", "issuer", "lineage"])
    def test_a_foreign_state_is_refused_and_both_sides_are_named(self, site: Site, member: str) -> None:
        site.begun().record([written("a")])  # in the journal alone: the document itself knows no client
        other = replace(OWNER, **{member: "https://other.example.org"})
        with pytest.raises(StateError, match=f"another {member}") as caught:
            site.open(other).load()
        assert "https://other.example.org" in caught.value.why
        assert str(getattr(OWNER, member)).removesuffix("/") in caught.value.why
        assert caught.value.fix

    def test_a_state_without_clients_follows_the_issuer_of_the_project(self, site: Site) -> None:
        site.begun()
        other = replace(OWNER, issuer="https://other.example.org")
        assert replace(EMPTY, issuer=other.issuer) == site.open(other).load()

    def test_one_trailing_slash_of_the_issuer_does_not_matter(self, site: Site) -> None:
        site.begun()
        assert EMPTY == site.open(replace(OWNER, issuer=OWNER.issuer.removesuffix("/"))).load()

    def test_a_project_that_names_no_lineage_is_told_which(self, site: Site) -> None:
        site.begun()
        with pytest.raises(StateError, match="does not name the lineage") as caught:
            site.open(replace(OWNER, lineage="")).load()
        assert OWNER.lineage in caught.value.fix

    @pytest.mark.parametrize("version", ["1.2", "2.0", "0.9"])
    def test_a_state_of_another_format_is_refused_with_both_versions(self, site: Site, version: str) -> None:
        site.begun()
        site.edit(format_version=version)
        with pytest.raises(StateError, match="another version of iac") as caught:
            site.open().load()
        assert version in caught.value.why
        assert "1.0 and 1.1" in caught.value.why
        assert "upgrade" in caught.value.fix

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", "\x00", "<html>", '{"kind": "indigo-iac state"}', '{"serial": 1e999}']
    )
    def test_a_damaged_state_is_refused_with_a_way_back(self, site: Site, text: str) -> None:
        site.begun()
        site.tamper(text)
        with pytest.raises(StateError, match="damaged") as caught:
            site.open().load()
        assert caught.value.where
        assert caught.value.why
        assert caught.value.fix

    def test_a_truncated_state_is_refused_wherever_it_ends(self, site: Site) -> None:
        site.open().create(holding("a", "b"))
        text = site.document().rstrip()
        for length in range(1, len(text), self.cut_every):
            site.tamper(text[:length])
            with pytest.raises(StateError, match="damaged"):
                site.open().load()

    def test_a_save_is_loaded_with_the_next_serial(self, site: Site) -> None:
        backend = site.begun()
        saved = backend.save(holding("a"))
        assert holding("a", serial=1) == saved
        assert saved == site.open().load()
        assert holding("a", "b", serial=2) == backend.save(holding("a", "b", serial=1))

    def test_a_save_that_nobody_could_read_is_refused_whatever_was_proven_before(self, site: Site) -> None:
        backend = site.begun()
        backend.record([written("a"), written("b")])
        known = backend.save(fold(EMPTY, written("a"), written("b")))
        backend.record([written("c")])
        wrong: Any = 1.5
        bad: Any = {
            "clients": {**known.clients, "wlcg/a": replace(client("a"), applied={"client_name": wrong})},
            "outputs": {"o": OutputRecord("sha256:1", ("wlcg/a",), serial=-1)},
            "intents": {"wlcg/a": replace(intended("a").intent, action=wrong)},
            "tombstones": (Tombstone("wlcg/a", client("a"), wrong),),
            "keys": {"wlcg/a": (ClientKey("kid", "{}", replace(SEALED, version=-1)),)},
        }
        for member, entries in bad.items():
            with pytest.raises(StateError, match="cannot hold a value") as caught:
                backend.save(replace(known, **{member: entries}))
            assert member in caught.value.why or "not a value of JSON" in caught.value.why
        assert fold(known, written("c")) == site.open().load()

    def test_a_save_over_a_newer_state_is_refused(self, site: Site) -> None:
        mine, theirs = site.begun(), site.open()
        theirs.load()
        theirs.save(holding("theirs"))
        with pytest.raises(StateError, match="changed by somebody else"):
            mine.save(holding("mine"))
        assert holding("theirs", serial=1) == site.open().load()

    def test_a_save_with_another_serial_than_was_read_is_refused(self, site: Site) -> None:
        backend = site.begun()
        with pytest.raises(StateError, match="changed by somebody else"):
            backend.save(holding("a", serial=4))
        assert EMPTY == site.open().load()

    def test_of_twelve_that_save_at_once_one_succeeds(self, site: Site) -> None:
        site.begun()
        gate = threading.Barrier(12)

        def save(number: int) -> bool:
            backend = site.open()
            state = backend.load()
            gate.wait()
            try:
                backend.save(replace(state, run_id=f"run-{number}"))
            except StateError:
                return False
            return True

        with ThreadPoolExecutor(12) as pool:
            saved = list(pool.map(save, range(12)))
        assert 1 == saved.count(True)
        assert replace(EMPTY, serial=1, run_id=f"run-{saved.index(True)}") == site.open().load()

    def test_a_save_keeps_lineage(self, site: Site) -> None:
        backend = site.begun()
        with pytest.raises(StateError, match="another lineage"):
            backend.save(replace(EMPTY, lineage="another"))
        assert EMPTY == site.open().load()

    def test_nothing_is_written_before_it_was_read(self, site: Site) -> None:
        site.begun()
        with pytest.raises(StateError, match="before it was read"):
            site.open().save(EMPTY)
        with pytest.raises(StateError, match="before it was read"):
            site.open().record([written("a")])

    def test_recorded_events_are_folded_into_what_another_process_loads(self, site: Site) -> None:
        backend = site.begun()
        backend.record([intended("a"), intended("b")])
        backend.record([written("a")])
        assert _folded(EMPTY, intended("b"), written("a")) == at(0, site.open().load())

    def test_a_save_takes_the_journal_up(self, site: Site) -> None:
        backend = site.begun()
        backend.record([written("a")])
        state = backend.save(_folded(EMPTY, written("a")))
        assert holding("a") == at(0, state)
        backend.record([written("b")])
        assert holding("a", "b") == at(0, site.open().load())

    def test_another_process_goes_on_from_a_journal(self, site: Site) -> None:
        site.begun().record([written("a")])
        heir = site.open()
        state = heir.load()
        heir.record([written("b")])
        assert holding("a", "b") == at(0, site.open().load())
        assert holding("a", "b") == at(0, heir.save(_folded(state, written("b"))))

    def test_a_save_that_has_not_read_what_was_recorded_meanwhile_is_refused(self, site: Site) -> None:
        running = site.begun()
        late = site.open()
        state = late.load()
        running.record([written("a")])
        with pytest.raises(StateError, match="changed by somebody else"):
            late.save(state)
        assert holding("a") == at(0, site.open().load())

    def test_what_32_threads_record_at_once_is_all_durable(self, site: Site) -> None:
        backend = site.begun()
        names = [f"client-{number}" for number in range(320)]
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda name: backend.record([written(name)]), names))
        assert holding(*names) == at(0, site.open().load())

    def test_the_lock_is_for_one(self, site: Site) -> None:
        site.begun()
        with (
            site.open().lock(HOLDER, timeout=0),
            pytest.raises(LockedError, match="locked by another run") as caught,
            site.open().lock(replace(HOLDER, run_id="run-8"), timeout=0),
        ):
            pass
        for part in (HOLDER.run_id, HOLDER.who, HOLDER.since, HOLDER.expires, "0 h 1 min 3 s"):
            assert part in caught.value.why
        assert caught.value.fix

    def test_the_holder_is_shown_while_the_lock_is_held(self, site: Site) -> None:
        site.begun()
        assert site.open().holder() is None
        with site.open().lock(HOLDER, timeout=0):
            assert HOLDER == site.open().holder()
        assert site.open().holder() is None

    def test_the_lock_is_free_after_a_run_that_failed(self, site: Site) -> None:
        site.begun()
        with pytest.raises(ZeroDivisionError), site.open().lock(HOLDER, timeout=0):
            raise ZeroDivisionError
        with site.open().lock(replace(HOLDER, run_id="run-8"), timeout=0):
            assert "run-8" == getattr(site.open().holder(), "run_id", None)

    def test_the_lock_of_another_run_is_not_broken_and_its_holder_is_named(self, site: Site) -> None:
        site.begun()
        with site.open().lock(HOLDER, timeout=0):
            with pytest.raises(StateError, match="does not hold the lock") as caught:
                site.open().unlock("run-8")
            assert HOLDER == site.open().holder()
        assert HOLDER.run_id in caught.value.why
        assert HOLDER.who in caught.value.why

    def test_reading_needs_no_lock(self, site: Site) -> None:
        with site.begun().lock(HOLDER, timeout=0):
            assert EMPTY == site.open().load()

    def test_a_state_at_work_is_seen_as_of_one_moment(self, site: Site) -> None:
        """Readers beside a writer that records and saves: what they see never goes back."""
        backend = site.begun()
        stop = threading.Event()

        def read() -> list[int]:
            seen = []
            while not stop.wait(0.001):
                seen.append(len(site.open().load().clients))
            return seen

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            state = EMPTY
            for number in range(self.writes):
                backend.record([written(f"client-{number}")])
                state = backend.save(_folded(state, written(f"client-{number}")))
            stop.set()
        for reader in readers:
            assert sorted(reader.result()) == reader.result()


class RemoteSite(Site):
    """A place that many machines reach. Each `machine` has a disk of its own, for the journal and emergency copies."""

    machines: Path

    @abstractmethod
    def cell(self) -> Cell:
        """The document's place, as another process would reach it."""

    @abstractmethod
    def run_lock(self, clock: Clock) -> Lock:
        """The run's lock, as another process would reach it."""

    def open(self, owner: Owner = OWNER) -> RemoteBackend:
        return self.on("one", owner)

    def on(self, machine: str, owner: Owner = OWNER, *, cell: Cell | None = None) -> RemoteBackend:
        """A backend on a machine, over another cell where that is given."""
        clock = StoppedClock()
        places = LocalPaths(self.journal(machine, owner), (self.rescue(machine),))
        return RemoteBackend(cell or self.cell(), self.run_lock(clock), owner, clock, places)

    def journal(self, machine: str, owner: Owner = OWNER) -> Path:
        """The second copy of this machine."""
        return self.machines / machine / ".iac" / f"{owner.lineage}.journal"

    def rescue(self, machine: str) -> Path:
        """Where this machine keeps emergency copies."""
        path = self.machines / machine / "rescue"
        path.mkdir(parents=True, exist_ok=True)
        return path


class Troubled(Cell):
    """A cell in which the next writes go wrong, each as `troubles` says: "lost", "refused", or "down" for all."""

    def __init__(self, cell: Cell, *troubles: str) -> None:
        self.where = cell.where
        self._cell = cell
        self.troubles = list(troubles)
        self.swaps = 0

    def _read(self) -> Stored | None:
        if self.troubles[:1] == ["down"]:
            raise UnreachableError("no way there", why="the cable is cut")
        return self._cell.read()

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        self.swaps += 1
        trouble = self.troubles.pop(0) if self.troubles[:1] not in ([], ["down"]) else "".join(self.troubles[:1])
        if trouble in {"refused", "down"}:
            raise NotStored("the cable is cut" if trouble == "down" else "no", is_refusal=trouble == "refused")
        stored = self._cell.swap(data, old)
        if trouble == "lost":
            raise NotStored("the answer was lost")
        return stored

    def _clear(self, old: Stored) -> None:
        self._cell.clear(old)


class RemoteContract(BackendContract):
    """What a backend promises whose state many machines reach."""

    def test_the_lock_of_a_run_that_died_is_broken_by_name(self, remote: RemoteSite) -> None:
        remote.begun()
        with remote.on("one").lock(HOLDER, timeout=0):
            with pytest.raises(LockedError) as caught, remote.on("two").lock(LATER, timeout=0):
                pass
            assert f"iac state unlock {HOLDER.run_id}" in caught.value.fix
            assert HOLDER == remote.on("two").unlock(HOLDER.run_id)
            with remote.on("two").lock(LATER, timeout=0):
                assert LATER == remote.on("one").holder()

    def test_a_lock_that_nobody_holds_is_not_broken(self, remote: RemoteSite) -> None:
        remote.begun()
        with pytest.raises(StateError, match="does not hold the lock") as caught:
            remote.open().unlock("run-8")
        assert "nobody holds it" in caught.value.why

    def test_who_lost_the_lock_does_not_free_that_of_the_next(self, remote: RemoteSite) -> None:
        remote.begun()
        first = remote.on("one").lock(HOLDER, timeout=0)
        first.__enter__()
        remote.on("two").unlock(HOLDER.run_id)
        with remote.on("two").lock(LATER, timeout=0):
            first.__exit__(None, None, None)
            assert LATER == remote.on("one").holder()

    def test_a_lock_whose_time_is_over_is_taken_over(
        self, remote: RemoteSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        remote.begun()
        dead = remote.on("one").lock(replace(HOLDER, expires="2026-11-23T11:59:58Z"), timeout=0)
        dead.__enter__()
        assert remote.on("two").holder() is None
        with remote.on("two").lock(LATER, timeout=0):
            assert LATER == remote.on("one").holder()
        assert f"the lock of run {HOLDER.run_id}" in caplog.text

    def test_who_waits_for_the_lock_gets_it_when_its_time_is_over(self, remote: RemoteSite) -> None:
        remote.begun()
        dead = remote.on("one").lock(replace(HOLDER, expires="2026-11-23T12:00:05Z"), timeout=0)
        dead.__enter__()
        with remote.on("two").lock(LATER, timeout=60):
            assert LATER == remote.on("one").holder()

    def test_the_answer_to_the_first_write_may_be_lost(self, remote: RemoteSite) -> None:
        cell = Troubled(remote.cell(), "lost")
        remote.on("one", cell=cell).create(EMPTY)
        assert EMPTY == remote.open().load()
        assert 1 == cell.swaps

    def test_the_answer_to_a_save_may_be_lost(self, remote: RemoteSite) -> None:
        remote.begun()
        cell = Troubled(remote.cell(), "lost", "lost")
        backend = remote.on("one", cell=cell)
        backend.save(replace(backend.load(), run_id="mine"))
        saved = backend.save(replace(backend.load(), run_id="mine again"))
        assert replace(EMPTY, serial=2, run_id="mine again") == saved == remote.open().load()
        assert 2 == cell.swaps

    def test_a_save_whose_answer_is_lost_is_not_taken_for_that_of_another(self, remote: RemoteSite) -> None:
        remote.begun()
        mine, theirs = remote.on("one"), remote.on("two")
        state = mine.load()
        theirs.save(replace(theirs.load(), run_id="theirs"))
        with pytest.raises(StateError, match="changed by somebody else"):
            mine.save(replace(state, run_id="mine"))
        assert "theirs" == remote.open().load().run_id

    def test_a_new_machine_has_every_secret_that_only_an_answer_brought(self, remote: RemoteSite) -> None:
        remote.begun().record([written("a")])
        assert holding("a") == at(0, remote.on("two").load())

    def test_what_the_server_still_says_costs_no_write(self, remote: RemoteSite) -> None:
        remote.begun()
        cell = Troubled(remote.cell())
        backend = remote.on("one", cell=cell)
        state = backend.save(holding("a", serial=backend.load().serial))
        backend.record([ClientWritten("wlcg/a", replace(client("a"), applied={"client_name": "b"}))])
        assert 1 == cell.swaps
        assert state == remote.on("two").load()
        assert "b" == remote.on("one").load().clients["wlcg/a"].applied["client_name"]

    def test_an_older_state_that_was_put_back_is_told_by_this_machine_s_journal(self, remote: RemoteSite) -> None:
        remote.begun()
        older = remote.document()
        backend = remote.on("one")
        for _ in range(2):
            backend.save(holding("a", serial=backend.load().serial))
        backend.record([ClientWritten("wlcg/a", replace(client("a"), applied={"client_name": "b"}))])
        newest = json.loads(remote.document())["serial"]
        remote.tamper(older)
        told = {}
        for machine in ("one", "two"):
            backend = remote.on(machine)
            backend.load()
            told[machine] = backend.newest_copy()[1]
        assert {"one": newest, "two": 0} == told

    def test_a_machine_that_comes_back_late_does_not_bring_back_what_was(self, remote: RemoteSite) -> None:
        remote.begun()
        died = remote.on("one")
        died.save(holding("a", serial=died.load().serial))
        died.record([ClientWritten("wlcg/a", replace(client("a"), applied={"client_name": "old"}))])
        heir = remote.on("two")
        heir.save(replace(heir.load(), run_id="heir"))
        assert holding("a", serial=2) == replace(remote.on("one").load(), run_id=EMPTY.run_id)

    def test_a_place_that_refuses_leaves_an_emergency_copy_that_is_pushed_back(self, remote: RemoteSite) -> None:
        remote.begun()
        backend = remote.on("one", cell=Troubled(remote.cell(), "refused", "refused"))
        backend.load()
        with pytest.raises(StateError, match="cannot be written") as caught:
            backend.record([written("a")])
        (copy,) = remote.rescue("one").iterdir()
        assert str(copy) in caught.value.fix
        assert holding("a", serial=1) == parse_state(copy.read_text(), TextOrigin("copy"))
        assert holding("a") == at(0, remote.on("one").load())

    def test_a_place_that_is_gone_for_a_moment_is_asked_again(self, remote: RemoteSite) -> None:
        remote.begun()
        cell = Troubled(remote.cell())
        backend = remote.on("one", cell=cell)
        state = backend.load()
        cell.troubles.append("down")
        with pytest.raises(UnreachableError, match="cannot be written") as caught:
            backend.save(state)
        assert "the cable is cut" in caught.value.why
        assert 3 == cell.swaps
        cell.troubles.clear()
        assert 1 == backend.save(state).serial


LATER = replace(HOLDER, run_id="run-8")


def at(serial: int, state: State) -> State:
    """A state with another serial: how many writes a record takes is each backend's own business."""
    return replace(state, serial=serial)


def _folded(state: State, *events: Any) -> State:
    for event in events:
        state = fold(state, event)
    return state
