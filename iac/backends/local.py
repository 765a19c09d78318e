"""What a run keeps on this machine: group commits, second copies, emergency copies, and the note of its deliveries.

A state that is elsewhere has its second copy here. What a state could not take goes into an emergency copy, sealed as
it is, before the error is told. The note of what was written stays beside local files and never goes to the state.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import asdict

from iac import files
from iac.core.errors import MissingStateError, StateError
from iac.core.limits import LONGEST_WRITE
from iac.core.state.codec import COUNT, OBJECT, TEXT, MalformedValue, dump, known, load, named
from iac.core.state.document import (
    Batch,
    Journal,
    Lines,
    Owner,
    TextOrigin,
    check_owner,
    check_state,
    is_journal,
    parse_journal,
    parse_state,
    render_batch,
    render_state,
    replay,
)
from iac.core.state.model import Event, State
from iac.ports import Clock, Deliveries, Delivery, StateBackend

GATHERING = 0.002
"""Seconds that a group stays open for more callers where the last one had several: an fsync costs 0.3 ms and more."""


class _Group(Struct):
    """Events that become durable together."""

    events: list[Event] = field(default_factory=list)
    callers: int = 0
    is_done: bool = False
    error: StateError | None = None


class GroupCommit:
    """Turns many concurrent `record` calls into few calls of `write`. Thread-safe; it has no thread of its own.

    The first caller writes; those who come meanwhile form the next group, and one of them writes it for all. While
    groups are shared, each waits a moment for more callers; a caller who is alone waits for nobody.

    Args:
        write: makes events durable, or raises StateError; never called by two threads at once.
    """

    def __init__(self, write: Callable[[Sequence[Event]], None]) -> None:
        self._write = write
        self._turn = threading.Condition()
        self._is_writing = False
        self._is_shared = False
        self._next = _Group()

    def record(self, events: Sequence[Event]) -> None:
        """Return when these events are durable.

        Raises:
            StateError: the group could not be written; each of its callers gets an error of its own.
        """
        with self._turn:
            group = self._next
            group.events.extend(events)
            group.callers += 1
            if not self._turn.wait_for(lambda: group.is_done or not self._is_writing, timeout=LONGEST_WRITE):
                raise StateError(
                    "the state is not written",
                    why=f"a write that others wait for has not ended within {LONGEST_WRITE:g} s",
                    fix="see that the disk or the backend answers, and run it again: what was begun is ended",
                )
            is_leader = not group.is_done
            if is_leader:
                self._is_writing = True
        if is_leader:
            self._lead(group)
        if group.error:
            error = group.error
            raise StateError(error.summary, where=error.where, why=error.why, fix=error.fix)

    def _lead(self, group: _Group) -> None:
        try:
            self._close(group)
            self._write(group.events)
        except StateError as error:
            group.error = error
        except BaseException as error:
            group.error = StateError(
                "the state cannot be written",
                why=f"{type(error).__name__} while writing it",
                fix="run iac plan: it shows what is left",
            )
            raise
        finally:
            with self._turn:
                group.is_done = True
                self._is_writing = False
                self._turn.notify_all()

    def _close(self, group: _Group) -> None:
        with self._turn:
            try:
                if self._is_shared:
                    self._turn.wait(GATHERING)
            finally:
                self._next = _Group()
                self._is_shared = group.callers > 1


S = TypeVar("S")


def journal_line(state: State, events: Sequence[Event]) -> bytes:
    """The batch of these events that goes on from a document."""
    return render_batch(Batch(state.lineage, state.run_id, state.serial, tuple(events)))


class JournaledBackend(StateBackend, Generic[S]):
    """A backend that records events on this machine, beside the document or as its second copy.

    Args:
        where: how messages name the document.
        owner: whose state it must be.
        clock: for waiting.
        rescue: directories for emergency copies; None for temporary, memory and home.
    """

    def __init__(self, where: str, owner: Owner, clock: Clock, rescue: Sequence[Path] | None) -> None:
        self._where = where
        self._owner = owner
        self._clock = clock
        self._rescue = EmergencyCopies(copy_folders() if rescue is None else rescue, owner.environment)
        self._mutex = threading.Lock()
        self._commits = GroupCommit(self._append)
        self._snapshot: S | None = None
        self._lines: Lines = {}

    def _record(self, events: Sequence[Event]) -> None:
        self._commits.record(events)

    @abstractmethod
    def _append(self, events: Sequence[Event]) -> None:
        """Make events durable; never called by two threads at once."""

    def _render(self, state: State) -> bytes:
        return render_state(state, self._lines).encode()

    def _check(self, state: State, proven: State | None = None) -> None:
        """Refuse a state of somebody else, and one that could not be read again (`check_state`)."""
        check_owner(state, self._owner, TextOrigin(self._where))
        check_state(state, proven)

    def _parse(self, data: bytes, fix: str) -> State:
        """The document in some bytes; `fix` is for one that is damaged."""
        origin = TextOrigin(self._where, fix)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise StateError("the state is damaged", where=origin.where, why="not UTF-8", fix=fix) from None
        del data  # a large state is not kept in two forms while it is read
        return parse_state(text, origin)

    def _own(self, document: State, journal: Journal, origin: TextOrigin) -> State:
        """The document and what its journal adds, when they are this environment's.

        The owner is asked of both together: a document without clients may have a journal that made some.
        """
        return check_owner(replay(document, journal, origin), self._owner, TextOrigin(self._where))

    def _missing(self, fix: str) -> MissingStateError:
        return MissingStateError(
            "there is no state",
            where=self._where,
            why="a missing state is never taken for an empty one: clients would be registered twice",
            fix=fix,
        )

    def _changed(self, why: str) -> StateError:
        summary = "the state was changed by somebody else meanwhile"
        return StateError(summary, where=self._where, why=why, fix="run iac plan again")

    def _exists(self, where: str) -> StateError:
        return StateError("there is a state already", where=where, fix="iac state list shows what it holds")

    def _must_have_snapshot(self) -> S:
        """What this object last read or wrote."""
        if self._snapshot is None:
            raise StateError(
                "the state is written before it was read", where=self._where, fix="report this fault of iac"
            )
        return self._snapshot


class JournalExtent(Struct, frozen=True):
    """The extent of a journal. `size`: bytes of the file; `length`: those that are whole batches of the document."""

    size: int = 0
    length: int = 0

    def after(self, line: bytes) -> JournalExtent:
        """The extent when a line was appended."""
        length = self.length + len(line)
        return JournalExtent(length, length)


class LocalJournal:
    """The journal in file `path`. It belongs to one lineage; its batches name the document that they go on from.

    Readers take no lock: a line that is being written is a torn one, which does not count. A writer finds out
    whether the file is as it was when it was read.

    Attributes:
        path: the file.
        where: the same, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    def read(self, fix: str) -> tuple[Journal, int]:
        """The whole batches, and the size of the file; empty when there is none.

        Raises:
            StateError: it is damaged; `fix` is the next step.
        """
        try:
            data = files.read(self.path)
        except FileNotFoundError:
            data = b""
        return parse_journal(data, TextOrigin(str(self.path), fix)), len(data)

    def is_at(self, extent: JournalExtent) -> bool:
        """Whether the file is unchanged since then."""
        return self.size() == extent.size

    def append(self, line: bytes, extent: JournalExtent) -> JournalExtent | None:
        """Add a batch durably; None when this disk cannot take it, or somebody else has written to the file."""
        try:
            files.make_folder(self.path.parent)
            with files.hold_folder(self.path.parent, is_writer=True):
                if not self.is_at(extent):
                    return None
                files.append(self.path, line, extent.length)
        except OSError:
            return None
        return extent.after(line)

    def clear(self) -> JournalExtent:
        """Remove what the state holds now. What stays, for want of rights, is older than the state and is ignored."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        return JournalExtent(self.size(), 0)

    def size(self) -> int:
        """Bytes of the file; 0 when there is none."""
        return self.path.stat().st_size if self.path.exists() else 0


_FORMAT = "1.0"
_OUTPUTS = named(known(serial=COUNT, salt=TEXT, fingerprint=TEXT))


class FileDeliveries(Deliveries):
    """Deliveries in the file `path`, mode 0600; it holds no secret.

    A note that is damaged or cannot be written is as if there were none: it protects against a mistake, and no run may
    fail for want of it.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(clock)
        self._path = path

    def save(self) -> None:
        """Replace the file where something is known."""
        outputs = {name: asdict(delivery) for name, delivery in self.by_id.items()}
        if not outputs and not self.begun and not self._path.exists():
            return
        note = {"format_version": _FORMAT, "outputs": outputs, **({"begun": self.begun} if self.begun else {})}
        data = dump(note).encode() + b"\n"
        with suppress(OSError):
            files.make_folder(self._path.parent)
            files.write(self._path, data)

    def _load(self) -> dict[str, Delivery]:
        try:
            note = OBJECT(load(files.read(self._path).decode()), "note")
            self.begun = COUNT(note.get("begun", 0), "begun")
            outputs = _OUTPUTS(note.get("outputs"), "outputs").items()
            return {name: Delivery(one["serial"], one["salt"], one["fingerprint"]) for name, one in outputs}
        except (OSError, UnicodeDecodeError, MalformedValue):
            return {}


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def copy_folders() -> tuple[Path, ...]:
    """Directories on what may be other file systems: temporary, memory, home."""
    return files.temporary_folder(), Path("/dev/shm"), Path.home()  # noqa: S108  # a place of last resort


class EmergencyCopies:
    """Writes emergency copies of one state and tells how they come back.

    Args:
        directories: tried in order.
        environment: of the state.
    """

    def __init__(self, directories: Sequence[Path], environment: str) -> None:
        self._directories = tuple(directories)
        self._push = "iac state push" if environment == "default" else f"iac --env {environment} state push"
        self._written: set[Path] = set()

    def failure(self, where: str, data: bytes, run_id: str, reason: str) -> StateError:
        """Keep `data`, which the state could not take at `where`; the error that says how it gets there."""
        copy = self._copy(data, run_id)
        if copy is None:
            return self._nowhere(where, reason)
        return StateError(
            "the state cannot be written",
            where=where,
            why=f"{reason}; what it should hold is in an emergency copy, {copy}",
            fix="make room or correct permissions, then bring the copy back before the next run:"
            f" {self._push} {shlex.quote(str(copy))}",
        )

    def conflict(self, where: str, data: bytes, run_id: str, conflict: StateError) -> StateError:
        """Keep `data`, which `where` must not take, for it was changed by somebody else; the error that says so."""
        copy = self._copy(data, run_id)
        if copy is None:
            return self._nowhere(where, conflict.summary)
        effect = "adds what this run recorded to the state" if is_journal(data) else "replaces the state by the copy"
        return StateError(
            conflict.summary,
            where=conflict.where,
            why=f"{conflict.why}; what this run did since is in an emergency copy, {copy}",
            fix="keep the copy, end the other run, then run iac plan: it says what differs from the server; "
            f"{self._push} --force {shlex.quote(str(copy))} {effect}",
        )

    def newest(self, lineage: str) -> tuple[str, int]:
        """The copy of this state, made by this user, that names the highest serial; 0 when there is none."""
        copies = (copy for directory in self._directories for copy in directory.glob("iac-state-emergency-*.json*"))
        serials = {str(copy): _serial(copy, lineage) for copy in copies}
        return max(serials.items(), key=lambda named: named[1], default=("", 0))

    def clear(self) -> None:
        """Remove copies: the state holds it all now."""
        for copy in self._written:
            copy.unlink(missing_ok=True)
        self._written.clear()

    def _copy(self, data: bytes, run_id: str) -> Path | None:
        suffix = ".json.journal" if is_journal(data) else ".json"
        name = f"iac-state-emergency-{_UNSAFE.sub('', run_id)[:40] or 'run'}{suffix}"
        for directory in self._directories:
            try:
                files.write(directory / name, data)
            except OSError:
                continue
            self._written.add(directory / name)
            return directory / name
        return None

    def _nowhere(self, where: str, reason: str) -> StateError:
        tried = ", ".join(str(directory) for directory in self._directories)
        return StateError(
            "the state cannot be written",
            where=where,
            why=f"{reason}; an emergency copy could not be written either (tried {tried})",
            fix="make room or correct permissions, then run iac plan: it says what differs from the server",
        )


def _serial(copy: Path, lineage: str) -> int:
    """The highest serial that a copy of this lineage names; 0 for another one, and for what cannot be read."""
    try:
        if copy.stat().st_uid != os.getuid():  # anybody may put a file into a temporary directory
            return 0
        data = files.read(copy)
        if not is_journal(data):
            state = parse_state(data.decode(), TextOrigin(str(copy)))
            return state.serial if state.lineage == lineage else 0
        batches = parse_journal(data, TextOrigin(str(copy))).batches
    except (OSError, UnicodeDecodeError, StateError):
        return 0
    return max((batch.serial for batch in batches if batch.lineage == lineage), default=0)
