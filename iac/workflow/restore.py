"""A deleted client made anew from its tombstone, with the id and the secret that it had."""

from __future__ import annotations

from msgspec.structs import replace

from iac.apply.run import LockedPlan
from iac.core.desired import Desired, DesiredClient, Lifecycle
from iac.core.errors import InputError, Location
from iac.core.model import Fields, NewClient, uses_secret
from iac.core.plan.diff import HIDDEN
from iac.core.plan.identity import base_of
from iac.core.plan.proposal import restored
from iac.core.server import create_body, parse_answer
from iac.core.state.model import ClientState, State, Tombstone
from iac.core.text import listed
from iac.session import Session
from iac.workflow.plan import prepare


def find_grave(state: State, address: str) -> Tombstone:
    """The tombstone of an address, the latest of several; a client is buried after its predecessors.

    Raises:
        InputError: there is none, or the address is in state.
    """
    if address in state.clients:
        raise InputError(
            "this address is in state, so there is nothing to restore",
            where=address,
            fix="run iac plan: it says whether the client is gone from the server",
        )
    graves = [grave for grave in state.tombstones if grave.address == address]
    if not graves:
        others = listed(sorted({grave.address for grave in state.tombstones}))
        raise InputError(
            "state has no deleted client of this address",
            where=address,
            why=f"deleted clients in state: {others or 'none'} (for 30 days)",
            fix="give one of them, or write a definition and run iac apply: that makes a client with a new secret",
        )
    return max(reversed(graves), key=lambda grave: grave.deleted_at)


def prepare_restore(session: Session, address: str) -> tuple[Session, LockedPlan]:
    """The plan that makes the client anew, and the session to carry it out in. Call it with the lock held.

    A definition that is there says what the client is to be, else it is as it last was.

    Raises:
        InputError: there is nothing to restore, or it cannot be as it was.
        StateError: the secret cannot be opened.
    """
    if session.desired.api.server_chooses:
        raise InputError(
            "a deleted client can be restored through the management API only",
            where=address,
            why="with this provider the server chooses client_id and secret, so the old ones cannot come back",
            fix="write its definition and run iac apply: that makes a client with a new id and secret",
        )
    state = session.backend.load()
    grave = find_grave(state, address)
    client = _wanted(session.desired, grave)
    _check_secret(session, state, grave, client)
    alone = replace(session, desired=replace(session.desired, clients={**session.desired.clients, address: client}))
    locked = prepare(alone, replace(alone.options(), targets=frozenset({address})))
    facts, defaults = locked.actual.facts, session.desired.server_defaults
    changes = tuple(
        restored(change, grave.client, facts, defaults) if change.address == address else change
        for change in locked.plan.changes
    )
    secret = grave.client.secret
    plan = replace(locked.plan, changes=changes)
    return alone, replace(locked, plan=plan, kept={address: secret} if secret else {})


def _wanted(desired: Desired, grave: Tombstone) -> DesiredClient:
    was, defined = grave.client, desired.clients.get(grave.address)
    if defined is None:
        return DesiredClient(
            address=grave.address,
            client_id=was.client_id,
            generation=was.generation,
            fields=_last_fields(was),
            declared=was.declared,
            location=Location(f"clients.d/{grave.address}.yaml"),
            owners=was.owners,
            secret_serial=was.secret_serial,
            recipients=was.secret.recipients if was.secret else (),
            lifecycle=Lifecycle(prevent_destroy=was.prevent_destroy),
        )
    if defined.client_id != base_of(was):
        raise InputError(
            "the definition names another client_id than the deleted client had",
            where=str(defined.location),
            why=f"the deleted client of {grave.address} had {was.client_id}",
            fix="move the definition away, or run iac apply for a new client",
        )
    return replace(defined, client_id=was.client_id, generation=was.generation)


def _last_fields(was: ClientState) -> Fields:
    """The fields that the definition managed, as the server last answered them; what it hides as last applied."""
    if was.answer is None:
        return was.applied
    answered = parse_answer(was.answer).fields
    hidden = {name: was.applied[name] for name in HIDDEN & was.applied.keys() - answered.keys()}
    return {**{name: answered[name] for name in answered if name in was.declared}, **hidden}


def _check_secret(session: Session, state: State, grave: Tombstone, client: DesiredClient) -> None:
    """Prove before anything is sent that the secret is there, opens, and can be sent."""
    if not uses_secret(client.fields):
        return
    if grave.client.secret is None:
        raise InputError(
            "the secret of the deleted client is not known",
            where=grave.address,
            fix="write its definition and run iac apply: that makes a client with this id and a new secret",
        )
    ledger = session.ledger(state)
    create_body(NewClient(client.client_id, client.fields, ledger.open(grave.address, grave.client.secret)))
