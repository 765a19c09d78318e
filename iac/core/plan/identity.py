"""Which registration a definition means: by address, client_id, rotations, or the server's choice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.desired import Desired, DesiredClient
from iac.core.model import Actual, Fields, NewToken, Registration, UnreadReason, members
from iac.core.state.model import ClientKey, ClientState, Predecessor, SealedSecret, State

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
    others = {address: own for address, own in keys.items() if address not in names}
    return {**others, **{address: own for address, own in moved.items() if own}}


def _renamed(mapping: Mapping[str, V], names: Mapping[str, str]) -> dict[str, V]:
    return {names.get(address, address): value for address, value in mapping.items()}


def client_id_of(base: str, generation: int) -> str:
    """The client_id of a generation: `app`, then `app.r2`, `app.r3`."""
    return base if generation == 1 else f"{base}{_SIGN}{generation}"


def base_of(client: ClientState) -> str:
    """The client_id that the definition had when this client was made."""
    return client.client_id.removesuffix(client_id_of("", client.generation))


def predecessor_id(client_id: str) -> str:
    """The id to which a rotation added its number to get this one; "" for an id without such a number."""
    base, _, number = client_id.rpartition(_SIGN)
    return base if number.isdecimal() else ""


def with_current_id(client: DesiredClient, stored: ClientState | None) -> DesiredClient:
    """The definition with the client_id that the address has by now; as it is when it names another client."""
    if stored is None or stored.generation == 1 or base_of(stored) != client.client_id:
        return client
    return replace(client, client_id=stored.client_id, generation=stored.generation)


def successor(client: DesiredClient, api: Capabilities) -> DesiredClient:
    """The definition, already bound to its current client_id (`with_current_id`), of the next generation.

    Where the server chooses the ids, it has none yet.
    """
    if api.server_chooses:
        return replace(client, client_id="", generation=client.generation + 1)
    base = client.client_id.removesuffix(client_id_of("", client.generation))
    generation = client.generation + 1
    return replace(client, client_id=client_id_of(base, generation), generation=generation)


def with_current_ids(desired: Desired, state: State) -> Desired:
    """Every definition with the client_id that its address has by now."""
    stored = state.clients
    clients = {address: with_current_id(client, stored.get(address)) for address, client in desired.clients.items()}
    return replace(desired, clients=clients)


def reinstate(state: State, definitions: Iterable[DesiredClient]) -> State:
    """The state in which a predecessor that its definition names again is the client of its address once more."""
    turned = {
        definition.address: _reinstated(client, definition.client_id)
        for definition in definitions
        if (client := state.clients.get(definition.address)) is not None and client.predecessors
    }
    return replace(state, clients={**state.clients, **turned}) if turned else state


def _reinstated(client: ClientState, wanted: str) -> ClientState:
    if base_of(client) == wanted:
        return client
    for old in reversed(client.predecessors):
        if base_of(old.client) == wanted:
            others = tuple(other for other in client.predecessors if other is not old)
            return replace(old.client, predecessors=(*others, Predecessor(replace(client, predecessors=()))))
    return client


def with_chosen_ids(desired: Desired, state: State) -> Desired:
    """The definitions with the client_ids that the server chose for them; "" for those that are not registered yet.

    `state` has been moved (`move`) already.
    """
    if not desired.api.server_chooses:
        return desired
    stored = state.clients
    clients = {
        address: replace(client, client_id=stored[address].client_id)
        if not client.client_id and address in stored
        else client
        for address, client in desired.clients.items()
    }
    return replace(desired, clients=clients)


def with_remembered(desired: Desired, state: State) -> Desired:
    """The definitions with what the server has made of fields that they do not name, where its defaults are not known.

    `desired` is bound to its clients already (`with_current_ids`).
    """
    if desired.api.knows_defaults:
        return desired
    clients = {address: _remembered(client, state.clients.get(address)) for address, client in desired.clients.items()}
    return replace(desired, clients=clients)


def _remembered(client: DesiredClient, stored: ClientState | None) -> DesiredClient:
    if stored is None or stored.client_id != client.client_id:
        return client
    own, names = {name: value for name, value in client.fields.items() if name not in client.implied}, client.implied
    if "grant_types" in own and own["grant_types"] != stored.applied.get("grant_types"):
        names -= {"response_types"}  # those of other grants (RFC 7591 section 2.1)
    theirs = {name: stored.applied[name] for name in names if stored.applied.get(name)}
    return replace(client, fields={**own, **theirs}, declared=client.declared | names)


def without_additions(actual: Actual, desired: Desired, state: State) -> Actual:
    """What the server holds, apart from what it has added to lists by itself."""
    items = {
        stored.client_id: (stored.additions, desired.clients[address].fields if address in desired.clients else {})
        for address, stored in state.clients.items()
        if stored.additions
    }
    hidden = {
        client_id: set_apart(registration, *items[client_id])
        for client_id, registration in actual.registrations.items()
        if client_id in items
    }
    return replace(actual, registrations={**actual.registrations, **hidden}) if hidden else actual


def set_apart(registration: Registration, additions: Mapping[str, tuple[str, ...]], wanted: Fields) -> Registration:
    """The registration whose fields lack these additions, but for items that are wanted."""
    fields, apart = dict(registration.fields), dict(registration.additions)
    for name, items in additions.items():
        there = set(members(fields.get(name)))
        if added := there & set(items) - set(members(wanted.get(name))):
            fields[name] = tuple(sorted(there - added))
            apart[name] = tuple(sorted(added.union(apart.get(name, ()))))
    return replace(registration, fields={name: fields[name] for name in fields if fields[name] != ()}, additions=apart)


def registered(state: State) -> list[tuple[str, ClientState]]:
    """Every client of state that is registered, with its address, predecessors last."""
    clients = list(state.clients.items())
    return clients + [(address, old.client) for address, client in clients for old in client.predecessors]


def with_unread(actual: Actual, state: State) -> Actual:
    """What the server holds, and of clients that could not be read what was last applied.

    Nothing says that one is there whose token the server refuses.
    """
    if not actual.unread:
        return actual
    as_applied = {
        client.client_id: Registration(client.client_id, client.applied, owners=client.owners, is_remembered=True)
        for _, client in registered(state)
        if actual.unread.get(client.client_id, UnreadReason.REFUSED) is not UnreadReason.REFUSED
    }
    return replace(actual, registrations={**actual.registrations, **as_applied})


def with_token(client: ClientState, new: NewToken, sealed: SealedSecret) -> ClientState:
    """The client with a registration access token in place of the one before; it may be that of a predecessor."""
    if client.client_id == new.client_id:
        return replace(client, rat=sealed, token_renewed=True if new.by_read else client.token_renewed)
    predecessors = tuple(
        replace(old, client=with_token(old.client, new, sealed)) if old.client.client_id == new.client_id else old
        for old in client.predecessors
    )
    return replace(client, predecessors=predecessors)
