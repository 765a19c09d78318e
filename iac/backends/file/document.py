"""State in a file of one machine: a document, a journal beside it, the previous document, and a lock.

Files, for a state at P: P, P.journal, P.backup and P.backup.journal (what was there before the last write), P.lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iac import files
from iac.backends import lock
from iac.backends.local import GroupCommit, Rescue, places
from iac.backends.remote import owner_of
from iac.core.errors import MissingStateError, StateError
from iac.core.state.document import Owner, TextOrigin, check_owner, check_state, parse_state, render_state
from iac.core.state.journal import Batch, Journal, fold_all, parse_journal, render_batch, replay
from iac.core.state.model import Event, State
from iac.ports import Clock, Holder, StateBackend
from iac.ports.site import Site

if TYPE_CHECKING:
    from iac.backends.file import FilePlace


@dataclass(frozen=True, slots=True)
class _Seen:
    """What this object last read or wrote: a write must find the files as they were then.

    Attributes:
        size: bytes of the journal on files.
        length: bytes of it that are whole batches of this document; a write goes on from there.
        named: the highest serial that the journal names.
    """

    document: files.Stamp
    size: int
    length: int
    state: State
    named: int = 0


def open_backend(place: FilePlace, site: Site) -> StateBackend:
    """The state of an environment in a file."""
    return FileBackend(site.root / place.path, owner_of(site), site.clock)


class FileBackend(StateBackend):
    """State in the file `path`.

    Args:
        path: the document; its directory is made by `create`.
        owner: whose state it must be.
        clock: for the wait for the lock, and how long somebody holds it.
        rescue: directories for emergency copies; by default temporary, memory and home.
    """

    def __init__(self, path: Path, owner: Owner, clock: Clock, rescue: Sequence[Path] | None = None) -> None:
        self._path = path
        self._owner = owner
        self._clock = clock
        self._journal = path.with_name(f"{path.name}.journal")
        self._backup = path.with_name(f"{path.name}.backup")
        self._backup_journal = path.with_name(f"{path.name}.backup.journal")
        self._lock_file = path.with_name(f"{path.name}.lock")
        self._rescue = Rescue(places() if rescue is None else rescue, owner.environment)
        self._mutex = threading.Lock()
        self._commits = GroupCommit(self._append)
        self._seen: _Seen | None = None
        self._unsaved: list[Event] = []

    def _load(self) -> State:
        with self._mutex:
            try:
                with files.moment(self._path.parent, is_writer=False):
                    return self._read()
            except FileNotFoundError:
                raise self._missing() from None
            except OSError as error:
                raise self._unreadable(error) from error

    def _create(self, state: State) -> None:
        check_owner(state, self._owner, TextOrigin(str(self._path)))
        check_state(state)
        with self._mutex, self._writing():
            files.make_folder(self._path.parent)
            with files.moment(self._path.parent, is_writer=True):
                for path in (self._path, self._journal):
                    if path.exists():
                        raise StateError(
                            "there is a state already", where=str(path), fix="iac state list shows what it holds"
                        )
                self._replace(state)

    def _save(self, state: State) -> State:
        with self._mutex:
            seen = self._must_have_seen()
            new = replace(fold_all(state, self._unsaved), serial=state.serial + 1)
            check_owner(new, self._owner, TextOrigin(str(self._path)))
            check_state(new)
            try:
                with files.moment(self._path.parent, is_writer=True):
                    self._check_unchanged(seen, state.serial)
                    self._replace(new)
            except StateError as conflict:
                if not (seen.length or self._unsaved):
                    raise
                raise self._rescue.conflict(str(self._path), _encoded(new), new.run_id, conflict) from None
            except OSError as error:
                raise self._rescue.failure(str(self._path), _encoded(new), new.run_id, _reason(error)) from error
            self._unsaved.clear()
            self._rescue.clear()
            return new

    def _record(self, events: Sequence[Event]) -> None:
        self._commits.record(events)

    def _newest_copy(self) -> tuple[str, int]:
        """A journal of the very next document does not count: this one is its backup, and together they are whole."""
        seen = self._must_have_seen()
        if seen.named > seen.state.serial + 1:
            return str(self._journal), seen.named
        return self._rescue.newest(seen.state.lineage)

    def _lock(self, holder: Holder, *, timeout: float) -> AbstractContextManager[None]:
        if not self._path.parent.is_dir():
            raise self._missing()
        return self._locked(holder, timeout)

    @contextmanager
    def _locked(self, holder: Holder, timeout: float) -> Iterator[None]:
        """The lock; what a write that was killed left half done goes, whether or not this run writes."""
        with lock.locked(self._lock_file, holder, self._clock, timeout=timeout):
            files.sweep(self._path.parent)
            yield

    def _holder(self) -> Holder | None:
        return lock.holder_of(self._lock_file)

    def _unlock(self, run_id: str) -> Holder:
        return lock.unlock(self._lock_file, run_id)

    def _read(self) -> State:
        """Both files, as of one moment."""
        origin = TextOrigin(str(self._path), self._way_back())
        try:
            document = parse_state(files.read(self._path).decode(), origin)
        except UnicodeDecodeError:
            raise StateError("the state is damaged", where=origin.where, why="not UTF-8", fix=origin.fix) from None
        check_owner(document, self._owner, origin)
        origin = TextOrigin(str(self._journal), self._without_journal())
        data = files.read(self._journal) if self._journal.exists() else b""
        journal = parse_journal(data, origin)
        state = replay(document, journal, origin)
        length = journal.length if _goes_on(journal, document) else 0
        named = max((batch.serial for batch in journal.batches), default=0)
        self._seen = _Seen(files.stamp(self._path), len(data), length, document, named)
        return state

    def _append(self, events: Sequence[Event]) -> None:
        with self._mutex:
            seen = self._must_have_seen()
            if self._unsaved:
                self._unsaved.extend(events)
                raise self._rescued(seen, "the write before this one failed")
            line = _line(seen.state, events)
            try:
                with files.moment(self._path.parent, is_writer=True):
                    self._check_unchanged(seen, seen.state.serial)
                    files.append(self._journal, line, seen.length)
            except StateError as conflict:
                self._unsaved.extend(events)
                line, run_id = _line(seen.state, self._unsaved), seen.state.run_id
                raise self._rescue.conflict(str(self._journal), line, run_id, conflict) from None
            except OSError as error:
                self._unsaved.extend(events)
                raise self._rescued(seen, _reason(error)) from error
            length = seen.length + len(line)
            self._seen = replace(seen, size=length, length=length)

    def _rescued(self, seen: _Seen, reason: str) -> StateError:
        """The journal as it should be, in an emergency copy: what it holds, and what it could not take."""
        held = b""
        with suppress(OSError):
            held = files.read(self._journal)[: seen.length]
        data = held + _line(seen.state, self._unsaved)
        return self._rescue.failure(str(self._journal), data, seen.state.run_id, reason)

    def _replace(self, state: State) -> None:
        """Write the document; what was there, with its journal, becomes the backup."""
        if self._path.exists():
            files.keep(self._path, self._backup)
        files.write(self._path, _encoded(state))
        self._backup_journal.unlink(missing_ok=True)
        with suppress(OSError):  # a journal of an older document is ignored, wherever it is
            self._journal.replace(self._backup_journal)
        self._seen = _Seen(files.stamp(self._path), _size(self._journal), 0, state)

    def _must_have_seen(self) -> _Seen:
        if self._seen is None:
            raise StateError("the state is written before it was read", where=str(self._path))
        return self._seen

    def _check_unchanged(self, seen: _Seen, serial: int) -> None:
        """Compare and swap: the files must be those that were read, the serial theirs."""
        why = ""
        if not self._path.exists() or files.stamp(self._path) != seen.document or _size(self._journal) != seen.size:
            why = "its files are not those that this run has read"
        elif seen.state.serial != serial:
            why = f"serial {serial} was to be replaced, {seen.state.serial} is there"
        if why:
            raise StateError(
                "the state was changed by somebody else meanwhile",
                where=str(self._path),
                why=why,
                fix="run iac plan again",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(
                "the state cannot be written",
                where=str(self._path),
                why=_reason(error),
                fix="make room, mend permissions, or set state.path in iac.yaml to a file on a local disk",
            ) from error

    def _missing(self) -> StateError:
        fix = "for a new state run iac state init"
        if self._backup.exists():
            fix = self._way_back()
        return MissingStateError(
            "there is no state",
            where=str(self._path),
            why="a missing state is never taken for an empty one: clients would be registered twice",
            fix=f"{fix}; when the state is elsewhere set state.path in iac.yaml",
        )

    def _unreadable(self, error: OSError) -> StateError:
        return StateError(
            "the state cannot be read",
            where=str(self._path),
            why=_reason(error),
            fix="run iac as the user that owns the state, and keep it on a local disk",
        )

    def _way_back(self) -> str:
        if not self._backup.exists():
            return "put a copy of the file back"
        back = f"put its last version back: cp -p {self._backup} {self._path}"
        if self._backup_journal.exists() and not self._journal.exists():
            back += f" && cp -p {self._backup_journal} {self._journal}"
        return back

    def _without_journal(self) -> str:
        return (
            f"put a copy of the file back, or go on with what is whole: mv {self._journal} {self._journal}.damaged"
            " (the next plan finds what the server has in excess)"
        )


def _goes_on(journal: Journal, document: State) -> bool:
    """Whether the journal holds batches that the document lacks; else the next commit begins it anew."""
    return any(batch.serial >= document.serial for batch in journal.batches)


def _encoded(state: State) -> bytes:
    return render_state(state).encode()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _line(state: State, events: Sequence[Event]) -> bytes:
    return render_batch(Batch(state.lineage, state.run_id, state.serial, tuple(events)))


def _reason(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
