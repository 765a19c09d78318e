"""Which client an address has: its definition says the first, and each rotation that replaces makes the next. Pure.

An address has one client, and perhaps predecessors of it that are still registered (`iac.core.state.Predecessor`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core.state import Predecessor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iac.core.desired import Desired, DesiredClient
    from iac.core.state import ClientState, State

_SIGN = ".r"


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
