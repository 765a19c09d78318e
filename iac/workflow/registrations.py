"""What the server holds of the clients that a run looks at. New tokens from a read are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from iac.core.errors import StateError
from iac.core.plan.change import Action
from iac.core.plan.draft import PlanOptions
from iac.core.plan.make import to_read
from iac.core.registration import Actual, RegistrationAccess
from iac.core.secret import Secret
from iac.core.state.model import State
from iac.session import SecretKind, Session

_PATIENCE = 60.0
"""Seconds that a plan waits for the lock when a read has brought a new token, which is lost unless it is stored."""


def read_actual(session: Session, state: State, options: PlanOptions, *, must_open: bool = False) -> Actual:
    """What the server holds of the clients that this run looks at.

    Raises:
        StateError: `must_open`, and a registration access token cannot be opened.
    """
    ids, owners = to_read(session.desired, state, options)
    use_keys(session, state, ids, must_open=must_open)
    actual = session.provider.read(ids, owners)
    return replace(actual, found=dict(_left_behind(session, state, options)))


def use_keys(session: Session, state: State, client_ids: Collection[str], *, must_open: bool) -> None:
    """Give the provider the registration access tokens of these clients, as far as they can be opened."""
    if session.desired.api.uses_tokens:
        session.provider.use_keys(list(_keys(session, state, client_ids, must_open=must_open)))


def _keys(
    session: Session, state: State, client_ids: Collection[str], *, must_open: bool
) -> Iterator[RegistrationAccess]:
    ledger = session.ledger(state)
    for address, client in state.clients.items():
        if client.client_id not in client_ids:
            continue
        key = RegistrationAccess(client.client_id, uri=client.registration_uri)
        if client.rat is not None:
            try:
                key = replace(key, rat=ledger.open(address, client.rat, SecretKind.TOKEN))
            except StateError:
                if must_open:
                    raise
                key = replace(key, is_closed=True)
        yield key


def _left_behind(session: Session, state: State, options: PlanOptions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Clients in no state that have the name of one whose create was interrupted, by its address."""
    known = {client.client_id for client in state.clients.values()}
    for address, client in session.desired.clients.items():
        intent = state.intents.get(address)
        if intent is None or intent.client_id or intent.action != Action.CREATE or not options.wants(address):
            continue
        found = session.provider.find_by_name(str(client.fields.get("client_name", "")))
        yield address, tuple(client_id for client_id in found if client_id not in known)


def keep_new_tokens(session: Session, state: State, actual: Actual, *, is_locked: bool) -> State:
    """State with the registration access tokens that reading has brought, now durable (RFC 7592 section 3)."""
    read = [*actual.registrations.values(), *actual.partial.values()]
    brought = {found.client_id: found.rat for found in read if found.rat is not None}
    if not brought:
        return state
    if is_locked:
        return _kept(session, state, brought)
    # A plan takes no lock but for this. The state is loaded again under it: another run may have written meanwhile.
    with session.backend.lock(session.holder(), timeout=_PATIENCE):
        return _kept(session, session.backend.load(), brought)


def _kept(session: Session, state: State, brought: dict[str, Secret]) -> State:
    ledger = session.ledger(state)
    for address, client in state.clients.items():
        if client.client_id in brought:
            ledger.keep_rat(address, brought[client.client_id])
    return ledger.state
