"""Keys of clients: made, kept sealed in state, and dropped when nobody uses them any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.core.keys import ClientKey, key_in_use, with_keys
from iac.core.planning import find_moves
from iac.workflow.mending import mending

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.core.secret import Secret
    from iac.core.state import State
    from iac.workflow.session import LocalSession


def add_key(session: LocalSession, address: str, make: Callable[[], tuple[str, str, Secret]]) -> tuple[ClientKey, ...]:
    """Make another key for an address; all that it has then, the new one last.

    Raises:
        InputError: no definition has the address, or its client is still to be moved there.
        StateError: the state cannot be written.
    """
    session.options([address])
    kid, public, private = make()
    with mending(session) as ledger:
        _refuse_pending(session, ledger.state, address)
        keys = ledger.state.keys.get(address, ())
        key = ClientKey(kid, public, ledger.seal_key(address, private, len(keys) + 1))
        ledger.state = with_keys(ledger.state, address, (*keys, key))
        return ledger.state.keys[address]


def drop_old_keys(session: LocalSession, address: str) -> tuple[ClientKey, ...]:
    """Keep the newest key alone; what is left.

    Raises:
        InputError: the server does not know the newest one yet, so services still use an older one.
    """
    session.options([address])
    with mending(session) as ledger:
        keys, client = ledger.state.keys.get(address, ()), ledger.state.clients.get(address)
        if not keys:
            raise InputError("state holds no key of this client", where=address, fix=f"iac keygen {address} makes one")
        used = key_in_use(keys, client.applied) if client else None
        if used != keys[-1]:
            raise InputError(
                "the newest key is not in use yet, so the old ones stay",
                where=address,
                why="the registration that was last applied does not have it",
                fix="run iac apply, and let services read their files again, first",
            )
        ledger.state = with_keys(ledger.state, address, keys[-1:])
        return ledger.state.keys[address]


def _refuse_pending(session: LocalSession, state: State, address: str) -> None:
    """The client that is to have this address has its keys under another: they would not be among the public ones."""
    source = next((source for source, target in find_moves(session.desired, state) if target == address), "")
    if source:
        why = f"moved: {source} to {address} in iac.yaml is not applied yet"
        raise InputError("the client is not there yet", where=address, why=why, fix="run iac apply, then iac keygen")
