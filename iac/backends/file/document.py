"""State in a file of one machine: a document, a journal beside it, the previous document, and a lock.

Files, for a state at P: P, P.journal, P.backup and P.backup.journal (what was there before the last write), P.lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from iac import files
from iac.backends import lock
from iac.backends.file import FilePlace
from iac.backends.local import JournaledBackend, JournalExtent, LocalJournal, journal_line
from iac.backends.remote import owner_of
from iac.core.errors import StateError
from iac.core.state.document import Owner, TextOrigin
from iac.core.state.model import Event, State, fold
from iac.ports import Clock, Holder, Site, StateBackend


class _Snapshot(Struct, frozen=True):
    """The files as this object last read or wrote them: a write must find them like that.

    Attributes:
        extent: of the journal; a write goes on from there.
        state: the document.
        now: the document with all that the journal held then.
        named: the highest serial that the journal names.
        since: what was recorded after that.
    """

    document: files.Stamp
    extent: JournalExtent
    state: State
    now: State
    named: int = 0
    since: list[Event] = field(default_factory=list)


def open_backend(place: FilePlace, site: Site) -> StateBackend:
    """The state of an environment in a file."""
    return FileBackend(site.root / place.path, owner_of(site), site.clock)


class FileBackend(JournaledBackend[_Snapshot]):
    """State in the file `path`.

    Args:
        path: the document; its directory is made by `create`.
        owner: whose state it must be.
        clock: for the wait for the lock, and how long somebody holds it.
        rescue: directories for emergency copies; by default temporary, memory and home.
    """

    ends_with_process = True

    def __init__(self, path: Path, owner: Owner, clock: Clock, rescue: Sequence[Path] | None = None) -> None:
        super().__init__(str(path), owner, clock, rescue)
        self._path = path
        self._journal = LocalJournal(path.with_name(f"{path.name}.journal"))
        self._backup = path.with_name(f"{path.name}.backup")
        self._backup_journal = path.with_name(f"{path.name}.backup.journal")
        self._lock_file = path.with_name(f"{path.name}.lock")
        self._unsaved: list[Event] = []

    def _load(self) -> State:
        with self._mutex:
            try:
                with files.hold_folder(self._path.parent, is_writer=False):
                    return self._read()
            except FileNotFoundError:
                raise self._no_state() from None
            except OSError as error:
                raise StateError(
                    "the state cannot be read",
                    where=self._where,
                    why=_reason(error),
                    fix="run iac as the user that owns the state, and keep it on a local disk",
                ) from error

    def _create(self, state: State) -> None:
        self._check(state)
        with self._mutex:
            try:
                files.make_folder(self._path.parent)
                with files.hold_folder(self._path.parent, is_writer=True):
                    for path in (self._path, self._journal.path):
                        if path.exists():
                            raise self._exists(str(path))
                    self._replace(state, self._render(state))
            except OSError as error:
                raise StateError(
                    "the state cannot be written",
                    where=self._where,
                    why=_reason(error),
                    fix="make room, correct permissions, or set state.path in iac.yaml to a file on a local disk",
                ) from error

    def _save(self, state: State) -> State:
        with self._mutex:
            snapshot = self._must_have_snapshot()
            new = replace(fold(state, *self._unsaved), serial=state.serial + 1)
            self._check(new, fold(snapshot.now, *snapshot.since))
            data = self._render(new)
            try:
                with files.hold_folder(self._path.parent, is_writer=True):
                    self._check_unchanged(snapshot, state.serial)
                    self._replace(new, data)
            except StateError as conflict:
                if not (snapshot.extent.length or self._unsaved):
                    raise
                raise self._rescue.conflict(self._where, data, new.run_id, conflict) from None
            except OSError as error:
                raise self._rescue.failure(self._where, data, new.run_id, _reason(error)) from error
            self._unsaved.clear()
            self._rescue.clear()
            return new

    def _newest_copy(self) -> tuple[str, int]:
        """A journal of the very next document does not count: this one is its backup, and together they are whole."""
        snapshot = self._must_have_snapshot()
        if snapshot.named > snapshot.state.serial + 1:
            return self._journal.where, snapshot.named
        return self._rescue.newest(snapshot.state.lineage)

    @contextmanager
    def _lock(self, holder: Holder, *, timeout: float) -> Iterator[None]:
        """The lock; what a write that was killed left half done goes, whether or not this run writes."""
        if not self._path.parent.is_dir():
            raise self._no_state()
        with lock.locked(self._lock_file, holder, self._clock, timeout=timeout):
            files.sweep(self._path.parent)
            yield

    def _holder(self) -> Holder | None:
        return lock.holder_of(self._lock_file)

    def _unlock(self, run_id: str) -> Holder:
        return lock.unlock(self._lock_file, run_id)

    def _read(self) -> State:
        """Both files, as of one moment."""
        document = self._parse(files.read(self._path), self._way_back())
        where = self._journal.where
        fix = (
            "put a copy of the file back, or go on with what is whole:"
            f" mv {where} {where}.damaged (the next plan finds what the server has in excess)"
        )
        journal, size = self._journal.read(fix)
        state = self._own(document, journal, TextOrigin(where, fix))
        extent = JournalExtent(size, journal.length_for(document))
        self._snapshot = _Snapshot(files.stamp(self._path), extent, document, state, journal.newest)
        return state

    def _append(self, events: Sequence[Event]) -> None:
        with self._mutex:
            snapshot = self._must_have_snapshot()
            if self._unsaved:
                self._unsaved.extend(events)
                raise self._rescued(snapshot, "the write before this one failed")
            line = journal_line(snapshot.state, events)
            try:
                with files.hold_folder(self._path.parent, is_writer=True):
                    self._check_unchanged(snapshot, snapshot.state.serial)
                    files.append(self._journal.path, line, snapshot.extent.length)
            except StateError as conflict:
                self._unsaved.extend(events)
                line, run_id = journal_line(snapshot.state, self._unsaved), snapshot.state.run_id
                raise self._rescue.conflict(self._journal.where, line, run_id, conflict) from None
            except OSError as error:
                self._unsaved.extend(events)
                raise self._rescued(snapshot, _reason(error)) from error
            snapshot.since.extend(events)
            self._snapshot = replace(snapshot, extent=snapshot.extent.after(line))

    def _rescued(self, snapshot: _Snapshot, reason: str) -> StateError:
        """The journal as it should be, in an emergency copy: what it holds, and what it could not take."""
        journal = b""
        with suppress(OSError):
            journal = files.read(self._journal.path)[: snapshot.extent.length]
        data = journal + journal_line(snapshot.state, self._unsaved)
        return self._rescue.failure(self._journal.where, data, snapshot.state.run_id, reason)

    def _replace(self, state: State, data: bytes) -> None:
        """Write the document; what was there, with its journal, becomes the backup."""
        # The backup comes first: a run that dies now leaves the document with its journal, and can go on from there.
        if self._path.exists():
            files.back_up(self._path, self._backup)
        files.write(self._path, data)
        self._backup_journal.unlink(missing_ok=True)
        with suppress(OSError):  # a journal of an older document is ignored, wherever it is
            self._journal.path.replace(self._backup_journal)
        self._snapshot = _Snapshot(files.stamp(self._path), JournalExtent(self._journal.size()), state, state)

    def _check_unchanged(self, snapshot: _Snapshot, serial: int) -> None:
        """Compare and swap: the files must be those that were read, the serial theirs."""
        why = ""
        is_same = self._path.exists() and files.stamp(self._path) == snapshot.document
        if not is_same or not self._journal.is_at(snapshot.extent):
            why = "its files are not those that this run has read"
        elif snapshot.state.serial != serial:
            why = f"serial {serial} was to be replaced, {snapshot.state.serial} is there"
        if why:
            raise self._changed(why)

    def _no_state(self) -> StateError:
        fix = self._way_back() if self._backup.exists() else "for a new state run iac state init"
        return self._missing(f"{fix}; when the state is elsewhere set state.path in iac.yaml")

    def _way_back(self) -> str:
        if not self._backup.exists():
            return "put a copy of the file back"
        back = f"put its last version back: cp -p {self._backup} {self._path}"
        if self._backup_journal.exists() and not self._journal.path.exists():
            back += f" && cp -p {self._backup_journal} {self._journal.where}"
        return back


def _reason(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
