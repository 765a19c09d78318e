"""State mended by hand, under the lock: addresses renamed or forgotten, secrets sealed anew."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.core.state import ClientGone
from iac.core.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.apply.ledger import Ledger, Rekeyed
    from iac.core.state import ClientState, State
    from iac.workflow.session import LocalSession, StateSession

_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*")
"""As schemas/project.schema.json has it for `moved`."""


@contextmanager
def mending(session: StateSession) -> Iterator[Ledger]:
    """State under the lock; what became of it is saved at the end, unless the block raises.

    Raises:
        LockedError: somebody else holds the lock.
        StateError: the state cannot be read or written.
    """
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
    fix = nearest(address, state.clients) or "iac state list lists the addresses"
    return InputError("this address is not in state", where=address, fix=fix)


def rename(session: StateSession, source: str, target: str) -> ClientState:
    """Give a client of state another address; its secret is sealed for the new one.

    Raises:
        InputError: there is no such client, or the new address is none or taken.
        StateError: the secret cannot be opened.
    """
    if not _ADDRESS.fullmatch(target):
        raise InputError(
            "this is no address",
            where=target,
            fix="an address is the path of a definition below clients.d without .yaml",
        )
    with mending(session) as ledger:
        state = ledger.state
        if source not in state.clients:
            raise _interrupted(source) if source in state.intents else not_in_state(state, source)
        if target in state.clients.keys() | state.intents.keys():
            raise InputError(
                "the new address is in state already", where=target, fix="choose another, or iac state rm it"
            )
        ledger.move([(source, target)])
        return ledger.state.clients[target]


def _interrupted(address: str) -> InputError:
    return InputError(
        "an interrupted run was about to create this client, so it cannot move yet",
        where=address,
        fix="run iac apply first: it finds out what became of the create",
    )


def forget(session: StateSession, address: str) -> None:
    """Take an address out of state, with its secret and the record of outputs that are its alone.

    Raises:
        InputError: it is not there.
    """
    with mending(session) as ledger:
        find(ledger.state, address)
        ledger.note(ClientGone(address, None))
        outputs = {path: record for path, record in ledger.state.outputs.items() if record.clients != (address,)}
        ledger.state = replace(ledger.state, outputs=outputs)


def rekey(session: LocalSession) -> Rekeyed:
    """Seal every secret of state anew: to the recipients of the state, and each to those of its definition.

    Raises:
        StateError: a secret cannot be opened, or a recipient is none.
    """
    with mending(session) as ledger:
        return ledger.rekey()
