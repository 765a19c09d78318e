"""From desired, state and actual to a plan. Pure, one pass: definitions, leavers, outputs, guards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from iac.core.desired import Desired, DesiredClient, Removed, Then
from iac.core.diagnostics import Diagnostic
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, Leaving, SecretChange
from iac.core.plan.client import plan_client
from iac.core.plan.draft import Draft, Options
from iac.core.plan.identity import (
    find_moves,
    move,
    reinstate,
    successor,
    with_chosen_ids,
    with_current_id,
    with_current_ids,
    with_unread,
)
from iac.core.plan.output import as_rendered, attach_outputs
from iac.core.plan.plan import Pending, Plan, Released
from iac.core.plan.reach import find_unread, guard_not_understood, out_of_reach
from iac.core.plan.succession import may_succeed
from iac.core.plan.upkeep import attach_recipients, find_due, find_sealed_otherwise
from iac.core.registration import Actual, Unread
from iac.core.state.model import ClientState, State


def make_plan(desired: Desired, state: State, actual: Actual, options: Options) -> Plan:
    """What would make the server hold what is desired.

    `actual` must hold every client_id of `desired` and `state` that exists on the server, owners for the clients that
    declare them.
    """
    moves = find_moves(desired, state)
    wanted = [client for client in desired.clients.values() if options.wants(client.address)]
    state = reinstate(move(state, moves), wanted)
    named = frozenset(address for address, client in desired.clients.items() if client.client_id)
    desired = with_current_ids(with_chosen_ids(desired, state), state)
    draft = Draft(desired, state, with_unread(actual, state), options, named)
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
        findings=(*draft.findings, *find_sealed_otherwise(draft, moves), *unread, *find_due(draft)),
        pending=tuple(
            Pending(address, one.client_id, one.action, one.at) for address, one in sorted(state.intents.items())
        ),
        predecessors=tuple(draft.standing),
        moved=moves,
        outputs=desired.outputs,
        complete=not unread and Unread.REFUSED not in draft.actual.unread.values(),
        recipients=recipients,
    )


def _located(draft: Draft) -> Iterator[Diagnostic]:
    """Guards, each with the line of its cause: of the field concerned, the definition, or the entry of removed."""
    removed = {entry.address: entry.location for entry in draft.desired.removed}
    for guard in draft.guards:
        address = guard.where
        client = draft.desired.clients.get(address)
        place = client.at(guard.details.get("field", ""), guard.details["value"]) if client else removed.get(address)
        yield replace(guard, location=place)


def _unmanaged(draft: Draft) -> int:
    """Clients of the server that are neither defined nor in state; those that this run did not read are believed."""
    defined, stored = draft.desired.clients.values(), draft.state.clients.items()
    known = {client.client_id for client in defined} | {name for _, client in stored for name in client.client_ids}
    unread = {name for address, client in stored if not draft.options.wants(address) for name in client.client_ids}
    there = draft.actual.registrations.keys() | draft.actual.partial.keys()
    return max(0, draft.actual.total - len(known & (there | unread)))


def _released(wanted: Iterable[str], desired: Desired, state: State) -> Iterator[Released]:
    for address in wanted:
        stored = state.clients.get(address)
        gone = (stored.declared if stored else frozenset()) - desired.clients[address].declared
        if gone:
            yield Released(address, tuple(sorted(gone)))


def to_read(desired: Desired, state: State, options: Options) -> tuple[list[str], list[str]]:
    """Client_ids to read, and those of them whose owners are read too.

    They are those of definitions, state, predecessors and interrupted writes, and those of successors that a run may
    register. Owners are read for clients that declare them, and for those whose successors get the same.
    """
    ids: set[str] = set()
    owners: set[str] = set()
    moved = move(state, find_moves(desired, state))
    wanted = [client for client in with_chosen_ids(desired, moved).clients.values() if options.wants(client.address)]
    clients = reinstate(moved, wanted).clients
    for client in wanted:
        stored = clients.get(client.address)
        ids |= set(_ids(with_current_id(client, stored), stored, options))
        owners |= set(_owned(with_current_id(client, stored), stored, options))
    for address, client_state in state.clients.items():
        ids |= set(client_state.client_ids) if options.wants(address) else set()
    ids |= {intent.client_id for address, intent in state.intents.items() if options.wants(address)}
    return sorted(ids - {""}), sorted(owners - {""})


def _ids(client: DesiredClient, stored: ClientState | None, options: Options) -> Iterator[str]:
    yield client.client_id
    if stored is not None and stored.client_id == client.client_id and may_succeed(client, stored, options):
        yield successor(client).client_id


def _owned(client: DesiredClient, stored: ClientState | None, options: Options) -> Iterator[str]:
    if client.owners is not None:
        yield client.client_id
    if stored is not None and may_succeed(client, stored, options):
        yield stored.client_id


def plan_leavers(draft: Draft) -> None:
    """Delete or forget what `removed:` names; refuse what it does not."""
    removed = {entry.address: entry for entry in draft.desired.removed}
    for address, client in sorted(draft.state.clients.items()):
        if address in draft.desired.clients or not draft.options.wants(address):
            continue
        if address in removed:
            draft.changes[address] = _leave(draft, removed[address], client)
        else:
            draft.guards.append(guards.missing_definition(address, client.client_id))
            draft.after[address] = as_rendered(draft.state, address)


def guard_orphans(draft: Draft) -> None:
    """A client that an interrupted run registered, and whose definition is gone since, is never left unsaid."""
    known = {client.client_id for client in draft.desired.clients.values()}
    known |= {name for client in draft.state.clients.values() for name in client.client_ids}
    known |= {change.client_id for change in draft.changes.values()}
    for address, intent in sorted(draft.state.intents.items()):
        if intent.client_id in draft.actual.registrations and intent.client_id not in known:
            draft.guards.append(guards.orphan(address, intent.client_id))
        if intent.may_be_lost and address not in draft.desired.clients:
            draft.guards.append(guards.lost_without_definition(address, intent.at))


def _leave(draft: Draft, entry: Removed, client: ClientState) -> Change:
    observed = draft.actual.registrations.get(client.client_id)
    is_registered = any(name in draft.actual.registrations for name in client.client_ids)
    is_delete = entry.then is Then.DELETE and is_registered
    reads_all = draft.actual.facts.api.reads_all
    gone = "already gone from the server" if reads_all else "gone from the server, or out of reach"
    if is_delete:
        if draft.actual.unread.get(client.client_id) is Unread.NO_ADDRESS:
            draft.guards.append(guards.create_only(entry.address, client.client_id))
        if client.prevent_destroy:
            draft.guards.append(guards.protects(entry.address, client.client_id))
        draft.guard_protected(entry.address, client.client_id, observed)
    if entry.then is Then.DELETE and draft.actual.unread.get(client.client_id) is Unread.REFUSED:
        draft.guards.append(out_of_reach(draft, entry.address, client.client_id))
    return Change(
        address=entry.address,
        client_id=client.client_id,
        client_name=str(client.applied.get("client_name", "")),
        action=Action.DELETE if is_delete else Action.FORGET,
        reason=_reason(entry, client, "" if is_registered else gone),
        location=entry.location,
        secret=SecretChange.ERASED if is_delete and client.secret else SecretChange.NONE,
        observed=observed,
        leaving=_predecessors(draft, client) if is_delete else (),
    )


def _reason(entry: Removed, client: ClientState, gone: str) -> str:
    reason = gone or f"removed: then {entry.then}"
    beside = " and ".join(old.client.client_id for old in client.predecessors)
    return f"{reason}, with {beside}, still registered beside it" if beside else reason


def _predecessors(draft: Draft, client: ClientState) -> tuple[Leaving, ...]:
    registrations = draft.actual.registrations
    names = (old.client.client_id for old in client.predecessors)
    return tuple(Leaving(name, registrations.get(name)) for name in names)
