"""What a plan needs to read from the server. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.plan.identity import bound, identified, successor, turn_back
from iac.core.plan.make import find_moves, move
from iac.core.plan.succession import may_succeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.desired import Desired, DesiredClient
    from iac.core.plan.draft import Options
    from iac.core.state.model import ClientState, State


def to_read(desired: Desired, state: State, options: Options) -> tuple[list[str], list[str]]:
    """Client_ids to read, and those of them whose owners are read too.

    They are those of definitions, state, predecessors and interrupted writes, and those of successors that a run may
    register. Owners are read for clients that declare them, and for those whose successors get the same.
    """
    ids: set[str] = set()
    owners: set[str] = set()
    moved = move(state, find_moves(desired, state))
    wanted = [client for client in identified(desired, moved).clients.values() if options.wants(client.address)]
    clients = turn_back(moved, wanted).clients
    for client in wanted:
        last = clients.get(client.address)
        ids |= set(_ids(bound(client, last), last, options))
        owners |= set(_owned(bound(client, last), last, options))
    for address, held in state.clients.items():
        ids |= set(held.client_ids) if options.wants(address) else set()
    ids |= {intent.client_id for address, intent in state.intents.items() if options.wants(address)}
    return sorted(ids - {""}), sorted(owners - {""})


def _ids(client: DesiredClient, last: ClientState | None, options: Options) -> Iterator[str]:
    yield client.client_id
    if last is not None and last.client_id == client.client_id and may_succeed(client, last, options):
        yield successor(client).client_id


def _owned(client: DesiredClient, last: ClientState | None, options: Options) -> Iterator[str]:
    if client.owners is not None:
        yield client.client_id
    if last is not None and may_succeed(client, last, options):
        yield last.client_id
