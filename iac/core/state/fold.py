"""What an event makes of a state. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar, assert_never

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
    Tombstone,
)

V = TypeVar("V")


def fold(state: State, event: Event) -> State:
    """The state after one event. Idempotent: folding an event twice gives what folding it once gave."""
    match event:
        case ClientWritten(address, client):
            clients = {**state.clients, address: client}
            graves = tuple(grave for grave in state.tombstones if not _is_back(grave, address, client))
            return replace(state, clients=clients, intents=_without(state.intents, address), tombstones=graves)
        case ClientGone(address, tombstone):
            kept = tuple(t for t in state.tombstones if t != tombstone)
            return replace(
                state,
                clients=_without(state.clients, address),
                intents=_without(state.intents, address),
                keys=state.keys if tombstone else _without(state.keys, address),
                tombstones=(*kept, tombstone) if tombstone else kept,
            )
        case PredecessorGone(grave):
            kept = tuple(t for t in state.tombstones if t != grave)
            return replace(state, clients=_bereaved(state.clients, grave), tombstones=(*kept, grave))
        case IntentGiven(intent):
            return replace(state, intents={**state.intents, intent.address: intent})
        case IntentDropped(address):
            return replace(state, intents=_without(state.intents, address))
        case OutputWritten(name, record):
            others = _without(state.outputs, name)
            return replace(state, outputs={**others, name: record} if record else others)
        case _:
            assert_never(event)


def _bereaved(clients: Mapping[str, ClientState], grave: Tombstone) -> Mapping[str, ClientState]:
    """The clients, that of the tombstone's address without the predecessor that is in it."""
    client = clients.get(grave.address)
    if client is None:
        return clients
    left = tuple(each for each in client.predecessors if each.client.client_id != grave.client.client_id)
    return {**clients, grave.address: replace(client, predecessors=left)}


def _is_back(grave: Tombstone, address: str, client: ClientState) -> bool:
    """Whether the deleted client is there again, with the very secret that it had."""
    was = grave.client
    if (grave.address, was.client_id) != (address, client.client_id):
        return False
    return was.secret == client.secret or bool(was.secret and client.secret and was.secret.is_same(client.secret))


def _without(mapping: Mapping[str, V], key: str) -> dict[str, V]:
    others = dict(mapping)
    others.pop(key, None)
    return others
