"""From desired, state and actual to a plan. Pure, one pass: definitions, leavers, outputs, guards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from iac.core.desired import Desired, DesiredClient
from iac.core.diagnostics import Diagnostic
from iac.core.plan import guards
from iac.core.plan.attachment import attach_outputs
from iac.core.plan.client import plan_client
from iac.core.plan.draft import Draft, Options
from iac.core.plan.identity import bind, bound, identified, remembered, successor, turn_back
from iac.core.plan.leaver import as_rendered, guard_orphans, plan_leavers
from iac.core.plan.plan import Pending, Plan, Released
from iac.core.plan.reach import find_unread, guard_not_understood
from iac.core.plan.succession import may_succeed
from iac.core.plan.upkeep import attach_recipients, find_due, find_sealed_otherwise
from iac.core.registration import Actual
from iac.core.state.model import ClientKey, ClientState, State

__all__ = ["Options", "find_moves", "identified", "make_plan", "move", "remembered"]

V = TypeVar("V")


def make_plan(desired: Desired, state: State, actual: Actual, options: Options) -> Plan:
    """What would make the server hold what is desired.

    `actual` must hold every client_id of `desired` and `state` that exists on the server, owners for the clients that
    declare them.
    """
    moves = find_moves(desired, state)
    held = turn_back(
        move(state, moves), [client for client in desired.clients.values() if options.wants(client.address)]
    )
    named = frozenset(address for address, client in desired.clients.items() if client.client_id)
    draft = Draft(bind(identified(desired, held), held), held, remembered(actual, held), options, named)
    for client in draft.desired.clients.values():
        if options.wants(client.address):
            plan_client(draft, client)
        elif client.address in draft.state.clients:
            draft.after[client.address] = as_rendered(draft.state, client.address)
    plan_leavers(draft)
    guard_not_understood(draft)
    guard_orphans(draft)
    attach_outputs(draft)
    return _finish(draft, moves)


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


def _finish(draft: Draft, moves: tuple[tuple[str, str], ...]) -> Plan:
    desired, state = draft.desired, draft.state
    recipients = attach_recipients(draft, moves)
    changes = tuple(draft.changes[address] for address in sorted(draft.changes))
    wanted = [address for address in desired.clients if draft.options.wants(address)]
    unread = tuple(find_unread(draft))
    return Plan(
        project=desired.project,
        environment=desired.environment,
        issuer=desired.issuer,
        api=desired.api,
        changes=changes,
        no_op=sum(address in state.clients and address not in draft.changes for address in wanted),
        unmanaged=_unmanaged(draft),
        guards=(*_located(draft), *guards.on_counts(changes, desired.limits)),
        released=tuple(_released(wanted, desired, state)),
        findings=(*find_sealed_otherwise(draft, moves), *unread, *find_due(draft)),
        pending=tuple(_pending(state)),
        predecessors=tuple(draft.standing),
        moved=moves,
        outputs=desired.outputs,
        complete=not unread,
        recipients=recipients,
    )


def _located(draft: Draft) -> Iterator[Diagnostic]:
    """Guards, each with the line of its cause: of the field concerned, the definition, or the entry of removed."""
    removed = {entry.address: entry.location for entry in draft.desired.removed}
    for guard in draft.guards:
        address = guard.where
        client = draft.desired.clients.get(address)
        place = client.at(guard.details.get("field", "")) if client else removed.get(address)
        yield replace(guard, location=place)


def _unmanaged(draft: Draft) -> int:
    """Clients of the server that are neither defined nor in state; those that this run did not read are believed."""
    defined, held = draft.desired.clients.values(), draft.state.clients.items()
    known = {client.client_id for client in defined} | {name for _, client in held for name in client.client_ids}
    unread = {name for address, client in held if not draft.options.wants(address) for name in client.client_ids}
    there = draft.actual.registrations.keys() | draft.actual.partial.keys()
    return max(0, draft.actual.total - len(known & (there | unread)))


def _released(wanted: Iterable[str], desired: Desired, state: State) -> Iterator[Released]:
    for address in wanted:
        last = state.clients.get(address)
        gone = (last.declared if last else frozenset()) - desired.clients[address].declared
        if gone:
            yield Released(address, tuple(sorted(gone)))


def _pending(state: State) -> Iterator[Pending]:
    for address, intent in sorted(state.intents.items()):
        yield Pending(address, intent.client_id, intent.action, intent.at)


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
