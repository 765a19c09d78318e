"""State in a cell that many machines reach: git, HTTP, S3.

A run writes the cell once before its first request, once for each group of secrets that only an answer brought, and
once at the end. What it records in between can be read back from the server by the next run; it stands in a journal on
this machine, the second copy, until the cell holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from iac.backends.cell import Cell, NotSettled, Stored, settle
from iac.backends.local import JournaledBackend, JournalExtent, LocalJournal, journal_line
from iac.backends.lock import Lease
from iac.core.errors import StateError, UnreachableError
from iac.core.state.document import Owner, TextOrigin
from iac.core.state.model import Event, State, fold, is_needed
from iac.ports import Clock, Holder, Lock, Site, StateBackend


class _Snapshot(Struct, frozen=True):
    """The cell and the journal as this object last read or wrote them.

    Attributes:
        stored: the cell as it was then.
        document: the state in it.
        now: the document with all that was recorded when it was read.
        serial: the one that the caller knows, having loaded or saved; writes in between do not change it.
        journal: how far the second copy goes.
        is_sent: whether something was recorded since the caller loaded or saved.
        named: the highest serial that the second copy named when it was read.
        since: what was recorded after that.
    """

    stored: Stored
    document: State
    now: State
    serial: int
    journal: JournalExtent
    is_sent: bool = False
    named: int = 0
    since: list[Event] = field(default_factory=list)


class LocalPaths(Struct, frozen=True):
    """The places of copies on this machine.

    Attributes:
        journal: the file of the second copy.
        rescue: directories for emergency copies; None for temporary, memory and home.
    """

    journal: Path
    rescue: tuple[Path, ...] | None = None


def owner_of(site: Site) -> Owner:
    """The owner of a site's state: a backend refuses a state of another project, environment, issuer or lineage."""
    return Owner(site.project, site.environment, site.issuer, site.lineage)


def open_remote(site: Site, document: Cell, lock: Cell | Lock) -> StateBackend:
    """The state of an environment in a cell, its lock in another cell or of its own kind."""
    lease = lock if isinstance(lock, Lock) else Lease(lock, site.clock, site.environment)
    places = LocalPaths(site.root / ".iac" / f"{site.lineage}.journal")
    return RemoteBackend(document, lease, owner_of(site), site.clock, places)


class RemoteBackend(JournaledBackend[_Snapshot]):
    """State in a cell.

    Args:
        cell: where the document is.
        lock: one run at a time.
        owner: whose state it must be.
        clock: for the pauses between two tries of a write.
        places: where this machine keeps copies.
    """

    def __init__(self, cell: Cell, lock: Lock, owner: Owner, clock: Clock, places: LocalPaths) -> None:
        super().__init__(cell.where, owner, clock, places.rescue)
        self._cell = cell
        self._run_lock = lock
        self._journal = LocalJournal(places.journal)

    def _load(self) -> State:
        """Read journal and cell. The journal comes first: a write to the cell meanwhile holds all of it."""
        with self._mutex:
            fix = "when this machine's last run is over, move the file away: the next plan reads the server"
            journal, size = self._journal.read(fix)
            stored = self._cell.read()
            if stored is None:
                fix = "for a new state run iac state init; when the state is elsewhere correct state in iac.yaml"
                raise self._missing(fix)
            fix = "put an earlier version of it back: iac state push FILE"
            document = self._parse(stored.data, fix)
            now = self._own(document, journal, TextOrigin(self._where, fix))
            extent = JournalExtent(size, journal.length_for(document))
            self._snapshot = _Snapshot(stored, document, now, document.serial, extent, named=journal.newest)
            return now

    def _create(self, state: State) -> None:
        self._check(state)
        with self._mutex:
            try:
                stored = settle(self._cell, self._render(state), None, self._clock)
            except NotSettled as failure:
                if failure.is_moved:
                    raise self._exists(self._where) from None
                raise self._unreachable(failure.reason) from None
            self._snapshot = _Snapshot(stored, state, state, state.serial, self._journal.clear())

    def _save(self, state: State) -> State:
        with self._mutex:
            snapshot = self._must_have_snapshot()
            self._check(state, fold(snapshot.now, *snapshot.since))
            if state.serial != snapshot.serial:
                raise self._changed(f"serial {state.serial} was to be replaced, {snapshot.serial} is there")
            if not self._journal.is_at(snapshot.journal):
                raise self._changed("another run on this machine has recorded something since")
            new = self._write(snapshot, state)
            self._rescue.clear()
            self._snapshot = replace(self._must_have_snapshot(), serial=new.serial, is_sent=False)
            return new

    def _newest_copy(self) -> tuple[str, int]:
        snapshot = self._must_have_snapshot()
        if snapshot.named > snapshot.document.serial:
            return self._journal.where, snapshot.named
        return self._rescue.newest(snapshot.document.lineage)

    def _lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]:
        return self._run_lock.lock(holder, timeout=timeout)

    def _holder(self) -> Holder | None:
        return self._run_lock.holder()

    def _unlock(self, run_id: str) -> Holder:
        return self._run_lock.unlock(run_id)

    def _append(self, events: Sequence[Event]) -> None:
        """To the journal; to the cell too when what is needed would be lost with this machine, or its disk is full."""
        with self._mutex:
            snapshot = self._must_have_snapshot()
            document = snapshot.document
            journal = self._journal.append(journal_line(document, events), snapshot.journal)
            snapshot.since.extend(events)
            self._snapshot = replace(snapshot, journal=journal or snapshot.journal, is_sent=True)
            if journal is None or is_needed(document, events):
                self._write(self._snapshot, fold(snapshot.now, *snapshot.since))

    def _write(self, snapshot: _Snapshot, state: State) -> State:
        """Replace the state that was read, with the next serial."""
        new = replace(state, serial=snapshot.document.serial + 1)
        data = self._render(new)
        try:
            stored = settle(self._cell, data, snapshot.stored, self._clock)
        except NotSettled as failure:
            raise self._not_written(snapshot, new, failure) from None
        # The journal goes only now: until the cell holds what it recorded, it is the only copy.
        self._snapshot = replace(
            snapshot, stored=stored, document=new, now=new, since=[], journal=self._journal.clear()
        )
        return new

    def _not_written(self, snapshot: _Snapshot, new: State, failure: NotSettled) -> StateError | UnreachableError:
        """The error; what this run did is kept in an emergency copy before it is told."""
        where, data = self._cell.where, self._render(new)
        if not failure.is_moved:
            if not snapshot.is_sent:
                return self._unreachable(failure.reason)
            return self._rescue.failure(where, data, new.run_id, failure.reason)
        conflict = self._changed("it is not what this run has read")
        return self._rescue.conflict(where, data, new.run_id, conflict) if snapshot.is_sent else conflict

    def _unreachable(self, reason: str) -> UnreachableError:
        return UnreachableError(
            "the state cannot be written",
            where=self._cell.where,
            why=reason,
            fix="see that this disk has room, the backend can be reached and this login may write there;"
            " nothing was sent to the server",
        )
