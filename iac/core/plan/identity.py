"""Which registration a definition means: by address, client_id, rotations, or the server's choice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from iac.core.desired import Desired, DesiredClient
from iac.core.registration import Actual, Registration
from iac.core.state.model import ClientKey, ClientState, Predecessor, State

_SIGN = ".r"

V = TypeVar("V")


def find_moves(desired: Desired, state: State) -> tuple[tuple[str, str], ...]:
    """The entries of `moved:` that are still to be done; not one by which two interrupted writes would become one."""
    return tuple(
        (entry.source, entry.target)
        for entry in desired.moved
        if entry.source in state.clients
        and entry.target not in state.clients
        and not {entry.source, entry.target} <= state.intents.keys()
    )


def move(state: State, moves: Iterable[tuple[str, str]]) -> State:
    """The state with addresses renamed."""
    moves = tuple(moves)
    names = dict(moves)
    if not names:
        return state
    return replace(
        state,
        clients=_renamed(state.clients, names),
        keys=moved_keys(state, moves),
        intents={name: replace(intent, address=name) for name, intent in _renamed(state.intents, names).items()},
        outputs={
            path: replace(record, clients=tuple(names.get(address, address) for address in record.clients))
            for path, record in state.outputs.items()
        },
    )


def moved_keys(state: State, moves: Iterable[tuple[str, str]]) -> Mapping[str, tuple[ClientKey, ...]]:
    """The keys by their new addresses; those that an address has got before its client follow the client's own."""
    keys, names = state.keys, dict(moves)
    moved = {target: (*keys.get(source, ()), *keys.get(target, ())) for source, target in names.items()}
    others = {address: held for address, held in keys.items() if address not in names}
    return {**others, **{address: held for address, held in moved.items() if held}}


def _renamed(mapping: Mapping[str, V], names: Mapping[str, str]) -> dict[str, V]:
    return {names.get(address, address): value for address, value in mapping.items()}


def client_id_of(base: str, generation: int) -> str:
    """The client_id of a generation: `app`, then `app.r2`, `app.r3`."""
    return base if generation == 1 else f"{base}{_SIGN}{generation}"


def base_of(client: ClientState) -> str:
    """The client_id that the definition had when this client was made."""
    return client.client_id.removesuffix(client_id_of("", client.generation))


def predecessor_id(client_id: str) -> str:
    """The id of which this is that of a successor by rotation; "" when no rotation gives such an id."""
    base, _, number = client_id.rpartition(_SIGN)
    return base if number.isdecimal() else ""


def is_successor_id(client_id: str, base: str) -> bool:
    """Whether this is the id that a rotation may give to a successor of `base`."""
    return bool(base) and predecessor_id(client_id) == base


def bound(client: DesiredClient, last: ClientState | None) -> DesiredClient:
    """The definition with the client_id that the address has by now; as it is when it names another client."""
    if last is None or last.generation == 1 or base_of(last) != client.client_id:
        return client
    return replace(client, client_id=last.client_id, generation=last.generation)


def successor(client: DesiredClient) -> DesiredClient:
    """The definition, already `bound`, of the next generation."""
    base = client.client_id.removesuffix(client_id_of("", client.generation))
    following = client.generation + 1
    return replace(client, client_id=client_id_of(base, following), generation=following)


def bind(desired: Desired, state: State) -> Desired:
    """Every definition with the client_id that its address has by now."""
    held = state.clients
    return replace(desired, clients={name: bound(client, held.get(name)) for name, client in desired.clients.items()})


def turn_back(state: State, definitions: Iterable[DesiredClient]) -> State:
    """The state in which a predecessor that its definition names again is the client of its address once more."""
    turned = {
        definition.address: _turned(client, definition.client_id)
        for definition in definitions
        if (client := state.clients.get(definition.address)) is not None and client.predecessors
    }
    return replace(state, clients={**state.clients, **turned}) if turned else state


def _turned(client: ClientState, wanted: str) -> ClientState:
    if base_of(client) == wanted:
        return client
    for old in reversed(client.predecessors):
        if base_of(old.client) == wanted:
            others = tuple(each for each in client.predecessors if each is not old)
            return replace(old.client, predecessors=(*others, Predecessor(replace(client, predecessors=()))))
    return client


def identified(desired: Desired, state: State) -> Desired:
    """The definitions with the client_ids that the server chose for them; "" for those that are not registered yet.

    `state` has been moved (`move`) already.
    """
    if not desired.api.server_chooses:
        return desired
    held = state.clients
    clients = {
        address: replace(client, client_id=held[address].client_id)
        if not client.client_id and address in held
        else client
        for address, client in desired.clients.items()
    }
    return replace(desired, clients=clients)


def remembered(actual: Actual, state: State) -> Actual:
    """What the server holds, and of clients that could not be read what was last applied."""
    if not actual.unread:
        return actual
    held = [one for client in state.clients.values() for one in (client, *(old.client for old in client.predecessors))]
    last = {
        client.client_id: Registration(client.client_id, client.applied, owners=client.owners, is_remembered=True)
        for client in held
        if client.client_id in actual.unread
    }
    return replace(actual, registrations={**actual.registrations, **last})
