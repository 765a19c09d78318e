"""State changed by hand, under the lock: addresses renamed or forgotten, secrets sealed again, a copy put back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from msgspec.structs import replace

from iac.core.errors import InputError, MissingStateError, StateError
from iac.core.state.document import (
    Journal,
    Owner,
    TextOrigin,
    check_owner,
    is_journal,
    parse_journal,
    parse_state,
    replay,
)
from iac.core.state.model import (
    ClientGone,
    ClientState,
    ClientWritten,
    Event,
    IntentDropped,
    IntentGiven,
    OutputWritten,
    PredecessorGone,
    State,
)
from iac.core.text import listed, nearest
from iac.session import LocalSession, StateSession
from iac.session.ledger import Ledger, RekeyCounts

_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*")
"""As schemas/project.schema.json has it for `moved`."""


@contextmanager
def change_state(session: StateSession) -> Iterator[Ledger]:
    """State under the lock; what became of it is saved at the end, unless the block raises.

    Raises:
        LockedError: somebody else holds the lock.
        StateError: the state cannot be read or written.
    """
    # Nobody waits here: whoever holds the lock changes the very state that a person has looked at to say this.
    with session.backend.lock(session.holder(), timeout=0):
        ledger = session.ledger(session.backend.load())
        yield ledger
        ledger.state = replace(ledger.state, run_id=session.run_id)
        ledger.save()


def find(state: State, address: str) -> ClientState | None:
    """What state holds of an address; None when an interrupted create is all there is, or keys for a client to come.

    Raises:
        InputError: it holds nothing.
    """
    if address not in state.clients.keys() | state.intents.keys() | state.keys.keys():
        raise not_in_state(state, address)
    return state.clients.get(address)


def not_in_state(state: State, address: str) -> InputError:
    """The error for an address that is not in state, with the nearest one that is."""
    return InputError(
        "this address is not in state",
        where=address,
        fix=nearest(address, state.clients) or "iac state list lists the addresses",
    )


def rename(session: StateSession, source: str, target: str) -> ClientState:
    """Give a client of state another address; its secret is sealed for the new one.

    Raises:
        InputError: there is no such client, or the new address is none or taken.
        StateError: the secret cannot be opened.
    """
    if not _ADDRESS.fullmatch(target):
        raise InputError(
            "invalid address",
            where=target,
            fix="an address is the path of a definition below clients.d without .yaml",
        )
    with change_state(session) as ledger:
        state = ledger.state
        if source not in state.clients:
            if source not in state.intents:
                raise not_in_state(state, source)
            raise InputError(
                "an interrupted run was about to create this client, so it cannot move yet",
                where=source,
                fix="run iac apply first: it finds out what became of the create",
            )
        if target in state.clients.keys() | state.intents.keys():
            raise InputError(
                "the new address is in state already", where=target, fix="choose another, or iac state rm it"
            )
        ledger.move([(source, target)])
        return ledger.state.clients[target]


def forget(session: StateSession, address: str) -> None:
    """Take an address out of state, with its secret and the record of outputs that are its alone.

    Raises:
        InputError: it is not there.
    """
    with change_state(session) as ledger:
        find(ledger.state, address)
        ledger.note(ClientGone(address, None))
        outputs = {path: record for path, record in ledger.state.outputs.items() if record.clients != (address,)}
        ledger.state = replace(ledger.state, outputs=outputs)


def rekey(session: LocalSession) -> RekeyCounts:
    """Seal every secret of state anew: to the recipients of the state, and each to those of its definition.

    Raises:
        StateError: a secret cannot be opened, or a recipient is none.
    """
    with change_state(session) as ledger:
        counts = ledger.rekey(session.progress)
        session.progress.end()
        return counts


def push(session: StateSession, data: bytes, name: str, *, is_forced: bool) -> None:
    """Let a document be the state, or add what a journal recorded; `name` says where they are from.

    A document is newer when its serial is higher, and as good when it is a copy of the very state that is there; a
    journal, when it goes on from it. `is_forced` takes older ones too.

    Raises:
        StateError: the copy is damaged, foreign or older, or the state cannot be read or written.
        LockedError: somebody else holds the lock.
    """
    origin = TextOrigin(name, "it cannot be pushed: take another copy")
    (_push_journal if is_journal(data) else _push_document)(session, data, origin, is_forced=is_forced)


def _push_document(session: StateSession, data: bytes, origin: TextOrigin, *, is_forced: bool) -> None:
    try:
        document = parse_state(data.decode(), origin)
    except UnicodeDecodeError:
        raise StateError("the state is damaged", where=origin.where, why="not UTF-8", fix=origin.fix) from None
    try:
        with change_state(session) as ledger:
            current = ledger.state
            check_owner(document, Owner(current.project, current.environment, current.issuer, current.lineage), origin)
            is_same = (document.serial, document.run_id) == (current.serial, current.run_id)
            if not (is_forced or is_same or document.serial > current.serial):
                raise StateError(
                    "the copy is older than the state",
                    where=origin.where,
                    why=f"it has serial {document.serial} of run {document.run_id},"
                    f" the state serial {current.serial} of run {current.run_id}",
                    fix=f"keep both; iac state push --force {origin.where} replaces the state by the copy",
                )
            ledger.state = replace(document, serial=current.serial)
    except MissingStateError:
        # No lock is needed: of two that create a state, the backend refuses the second.
        session.backend.create(replace(document, run_id=session.run_id))


def _push_journal(session: StateSession, data: bytes, origin: TextOrigin, *, is_forced: bool) -> None:
    journal = parse_journal(data, origin)
    if journal.length != len(data):
        raise StateError(
            "the copy of a journal is incomplete", where=origin.where, why="its last line ends early", fix=origin.fix
        )
    with change_state(session) as ledger:
        current = ledger.state
        oldest = min(batch.serial for batch in journal.batches)
        if oldest < current.serial and not is_forced:
            raise _recorded_before(journal, current, origin)
        added = replay(replace(current, serial=min(oldest, current.serial)), journal, origin)
        ledger.state = replace(added, serial=current.serial)


def _recorded_before(journal: Journal, current: State, origin: TextOrigin) -> StateError:
    events = [event for batch in journal.batches for event in batch.events]
    return StateError(
        "the copy is older than the state",
        where=origin.where,
        why=f"it goes on from serial {journal.batches[0].serial}, the state has {current.serial};"
        f" it is about {listed(sorted({_subject(event) for event in events}))}",
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
