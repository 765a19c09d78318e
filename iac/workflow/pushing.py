"""A copy of the state brought back: a document, or the journal of an emergency copy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from iac.core.errors import MissingStateError, StateError
from iac.core.journal import is_journal, parse_journal, replay
from iac.core.limits import listed
from iac.core.state import ClientGone, ClientWritten, IntentDropped, IntentGiven, OutputWritten, PredecessorGone
from iac.core.statefile import Origin, Owner, check_owner, parse_state
from iac.workflow.mending import mending

if TYPE_CHECKING:
    from iac.core.journal import Journal
    from iac.core.state import Event, State
    from iac.workflow.session import StateSession


@dataclass(frozen=True, slots=True)
class Copy:
    """What is to become the state: bytes, and how to name where they are from."""

    data: bytes
    name: str


def push(session: StateSession, copy: Copy, *, is_forced: bool) -> None:
    """Let a document be the state, or add what a journal recorded.

    A document is newer when its serial is higher, and as good when it is a copy of the very state that is there; a
    journal, when it goes on from it. `is_forced` takes older ones too.

    Raises:
        StateError: the copy is damaged, foreign or older, or the state cannot be read or written.
        LockedError: somebody else holds the lock.
    """
    origin = Origin(copy.name, "it cannot be pushed: take another copy")
    if is_journal(copy.data):
        _push_journal(session, _whole(copy, origin), origin, is_forced=is_forced)
    else:
        _push_document(session, parse_state(_text(copy, origin), origin), origin, is_forced=is_forced)


def _text(copy: Copy, origin: Origin) -> str:
    try:
        return copy.data.decode()
    except UnicodeDecodeError:
        raise StateError("the state is damaged", where=origin.where, why="not UTF-8", fix=origin.fix) from None


def _push_document(session: StateSession, document: State, origin: Origin, *, is_forced: bool) -> None:
    try:
        with mending(session) as ledger:
            current = ledger.state
            check_owner(document, Owner(current.project, current.environment, current.issuer, current.lineage), origin)
            is_same = (document.serial, document.run_id) == (current.serial, current.run_id)
            if not (is_forced or is_same or document.serial > current.serial):
                raise _older(document, current, origin)
            ledger.state = replace(document, serial=current.serial)
    except MissingStateError:
        session.backend.create(replace(document, run_id=session.run_id))


def _older(document: State, current: State, origin: Origin) -> StateError:
    return StateError(
        "the copy is older than the state",
        where=origin.where,
        why=f"it has serial {document.serial} of run {document.run_id},"
        f" the state serial {current.serial} of run {current.run_id}",
        fix=f"keep both; iac state push --force {origin.where} puts the copy in the place of the state",
    )


def _whole(copy: Copy, origin: Origin) -> Journal:
    journal = parse_journal(copy.data, origin)
    if journal.length != len(copy.data):
        raise StateError(
            "the copy of a journal is torn", where=origin.where, why="its last line ends early", fix=origin.fix
        )
    return journal


def _push_journal(session: StateSession, journal: Journal, origin: Origin, *, is_forced: bool) -> None:
    with mending(session) as ledger:
        current = ledger.state
        oldest = min(batch.serial for batch in journal.batches)
        if oldest < current.serial and not is_forced:
            raise _recorded_before(journal, current, origin)
        added = replay(replace(current, serial=min(oldest, current.serial)), journal, origin)
        ledger.state = replace(added, serial=current.serial)


def _recorded_before(journal: Journal, current: State, origin: Origin) -> StateError:
    events = [event for batch in journal.batches for event in batch.events]
    names = sorted({_subject(event) for event in events})
    return StateError(
        "the copy is older than the state",
        where=origin.where,
        why=f"it goes on from serial {journal.batches[0].serial}, the state has {current.serial};"
        f" it is about {listed(names)}",
        fix=f"run iac plan: it says what differs from the server; iac state push --force {origin.where}"
        " adds what the copy recorded to the state",
    )


def _subject(event: Event) -> str:
    match event:
        case ClientWritten(address) | ClientGone(address) | IntentDropped(address):
            return address
        case IntentGiven(intent):
            return intent.address
        case PredecessorGone(grave):
            return grave.address
        case OutputWritten(name):
            return name
        case _:
            assert_never(event)
