"""From desired, state and actual to a plan. Pure, one pass: definitions, leavers, outputs, guards.

`plan_client` decides what is done to each definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.desired import Desired, DesiredClient, Disposition, RemovedEntry
from iac.core.errors import Diagnostic, Severity
from iac.core.model import Actual, Registration, UnreadReason
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, FieldChange, PredecessorChange, SecretChange, SecretStep
from iac.core.plan.diff import taken_over
from iac.core.plan.identity import (
    find_moves,
    move,
    reinstate,
    successor,
    with_chosen_ids,
    with_current_id,
    with_current_ids,
    with_remembered,
    with_unread,
    without_additions,
)
from iac.core.plan.output import as_rendered, attach_outputs
from iac.core.plan.plan import Draft, PendingWrite, Plan, PlanOptions
from iac.core.plan.proposal import (
    add_change,
    begun_restore,
    compare_fields,
    guard_hidden,
    keeps_chosen_secret,
    propose,
    refuse_held,
    refuse_not_understood,
    rendered_after,
    restored,
)
from iac.core.plan.reach import find_unread, guard_change, guard_lost, guard_new, guard_not_understood, out_of_reach
from iac.core.plan.secret_step import (
    SecretDecision,
    attach_recipients,
    decide_new,
    decide_registered,
    decide_requested,
    find_due,
    find_sealed_otherwise,
    find_secretless,
)
from iac.core.plan.succession import find_replacement, may_succeed, plan_predecessors, plan_succession, why_requested
from iac.core.rotation import with_seen_ends
from iac.core.state.model import ClientState, State


def make_plan(desired: Desired, state: State, actual: Actual, options: PlanOptions) -> Plan:
    """What would make the server hold what is desired.

    `actual` must hold every client_id of `desired` and `state` that exists on the server, owners for the clients that
    declare them.
    """
    moves, stored = find_moves(desired, state), frozenset(state.clients)
    wanted = [client for client in desired.clients.values() if options.wants(client.address)]
    state = with_seen_ends(reinstate(move(state, moves), wanted), actual)
    named = frozenset(address for address, client in desired.clients.items() if client.client_id)
    desired = with_remembered(with_current_ids(with_chosen_ids(desired, state), state), state)
    draft = Draft(desired, state, without_additions(with_unread(actual, state), desired, state), options, named, stored)
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
        released=dict(_released(wanted, desired, state)),
        taken_over=dict(_taken_over(draft, wanted)),
        findings=(
            *(*draft.findings, *find_sealed_otherwise(draft, moves), *unread, *find_due(draft)),
            *find_secretless(draft),
        ),
        pending=tuple(
            PendingWrite(address, one.client_id, one.action, one.at) for address, one in sorted(state.intents.items())
        ),
        predecessors=tuple(draft.standing),
        moved=moves,
        outputs=desired.outputs,
        complete=not unread and UnreadReason.REFUSED not in draft.actual.unread.values(),
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


def _released(wanted: Iterable[str], desired: Desired, state: State) -> Iterator[tuple[str, tuple[str, ...]]]:
    for address in wanted:
        stored = state.clients.get(address)
        client = desired.clients[address]
        if gone := (stored.declared if stored else frozenset()) - (client.declared - client.implied):
            yield address, tuple(sorted(gone))


def _taken_over(draft: Draft, wanted: Iterable[str]) -> Iterator[tuple[str, tuple[FieldChange, ...]]]:
    facts, defaults = draft.actual.facts, draft.desired.server_defaults
    for address in wanted:
        client, stored = draft.desired.clients[address], draft.state.clients.get(address)
        observed = draft.actual.registrations.get(client.client_id)
        if stored is None or observed is None or stored.client_id != client.client_id:
            continue
        if fields := taken_over(client, observed, stored, facts, defaults):
            yield address, fields


def to_read(desired: Desired, state: State, options: PlanOptions) -> tuple[list[str], list[str]]:
    """Client_ids to read, and the ids of those clients whose owners to read.

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
        ids |= set(_ids(with_current_id(client, stored), stored, options, desired.api))
        owners |= set(_owned(with_current_id(client, stored), stored, options))
    ids |= {name for address, held in state.clients.items() if options.wants(address) for name in held.client_ids}
    ids |= {intent.client_id for address, intent in state.intents.items() if options.wants(address)}
    return sorted(ids - {""}), sorted(owners - {""})


def _ids(client: DesiredClient, stored: ClientState | None, options: PlanOptions, api: Capabilities) -> Iterator[str]:
    yield client.client_id
    if stored is not None and stored.client_id == client.client_id and may_succeed(client, stored, options):
        yield successor(client, api).client_id


def _owned(client: DesiredClient, stored: ClientState | None, options: PlanOptions) -> Iterator[str]:
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


def _leave(draft: Draft, entry: RemovedEntry, client: ClientState) -> Change:
    observed = draft.actual.registrations.get(client.client_id)
    is_registered = any(name in draft.actual.registrations for name in client.client_ids)
    is_delete = entry.then is Disposition.DELETE and is_registered
    reads_all = draft.actual.facts.api.reads_all
    gone = "already gone from the server" if reads_all else "gone from the server, or out of reach"
    if is_delete:
        if draft.actual.unread.get(client.client_id) is UnreadReason.NO_ADDRESS:
            draft.guards.append(guards.create_only(entry.address, client.client_id))
        if client.prevent_destroy:
            draft.guards.append(guards.protects(entry.address, client.client_id))
        draft.guard_protected(entry.address, client.client_id, observed)
    if entry.then is Disposition.DELETE and draft.actual.unread.get(client.client_id) is UnreadReason.REFUSED:
        draft.guards.append(out_of_reach(draft, entry.address, client.client_id))
    reason = ("" if is_registered else gone) or f"removed: then {entry.then}"
    beside = " and ".join(old.client.client_id for old in client.predecessors)
    return Change(
        address=entry.address,
        client_id=client.client_id,
        client_name=str(client.applied.get("client_name", "")),
        action=Action.DELETE if is_delete else Action.FORGET,
        reason=f"{reason}, with {beside}, still registered beside it" if beside else reason,
        location=entry.location,
        secret=SecretChange.ERASED if is_delete and client.secret else SecretChange.NONE,
        observed=observed,
        leaving=_predecessors(draft, client) if is_delete else (),
    )


def _predecessors(draft: Draft, client: ClientState) -> tuple[PredecessorChange, ...]:
    registrations = draft.actual.registrations
    names = (old.client.client_id for old in client.predecessors)
    return tuple(PredecessorChange(name, registrations.get(name)) for name in names)


def plan_client(draft: Draft, client: DesiredClient) -> None:
    """Decide between create, adopt, update, replace, rotate and nothing for one definition."""
    stored = draft.state.clients.get(client.address)
    replacement = find_replacement(draft, client, stored) if stored is not None else None
    if refuse_held(draft, replacement or client):
        return
    if stored is not None and client.client_id in draft.actual.registrations:
        guard_lost(draft, client)
    if stored is not None and replacement is not None:
        if draft.actual.facts.api.server_chooses and replacement.client_id:
            draft.guards.append(guards.other_id(replacement.address, stored.client_id, replacement.client_id))
        else:
            plan_succession(draft, replacement, stored)
        return
    observed = draft.actual.registrations.get(client.client_id)
    if observed is None and client.client_id in draft.actual.partial:
        refuse_not_understood(draft, client)
        return
    draft.guard_protected(client.address, client.client_id, observed)
    if observed is None:
        _plan_create(draft, client, stored)
    elif stored is None or draft.creates(client):
        _plan_adopt(draft, client, observed)
    else:
        _plan_update(draft, client, observed, stored)
        plan_predecessors(draft, client, observed, stored)


def _plan_create(draft: Draft, client: DesiredClient, stored: ClientState | None) -> None:
    if draft.actual.facts.api.server_chooses:
        guard_new(draft, client, stored)
        client = replace(client, client_id="")
    elif stored is not None and client.address not in draft.options.recreate:
        draft.guards.append(guards.gone(client.address, client.client_id))
    fields = compare_fields(draft, client, None, stored)
    change = propose(draft, client, None, fields, decide_new(client, draft.actual.facts))
    reason = "not in state and not registered"
    if stored is not None:
        reason = "deleted on server"
    elif intent := draft.state.intents.get(client.address):
        reason = f"an interrupted run {'may have registered' if intent.may_be_lost else 'did not register'} it"
    findings = change.findings
    if client.adopt and stored is None:
        findings = (
            *findings,
            Diagnostic(
                "nothing-to-adopt",
                f"adopt: true, but {client.client_id} is not registered",
                client.at("adopt"),
                "apply creates it",
                "check client_id and issuer, or remove adopt: true",
                Severity.WARNING,
                client.address,
                {"field": "adopt"},
            ),
        )
    add_change(draft, replace(change, action=Action.CREATE, reason=reason, findings=findings), client)


def _plan_adopt(draft: Draft, client: DesiredClient, observed: Registration) -> None:
    is_ours = draft.creates(client)
    if not is_ours and not client.adopt:
        draft.guards.append(guards.taken(client))
        return
    decision = decide_registered(client, observed, None, draft.actual.facts, is_interrupted=draft.rotates(client))
    if is_ours and keeps_chosen_secret(draft, client, observed):
        decision = SecretDecision(SecretChange.CREATED, SecretStep.NOTHING)
    fields = compare_fields(draft, client, observed, draft.state.clients.get(client.address))
    change = replace(propose(draft, client, observed, fields, decision), action=Action.ADOPT, resumes=is_ours)
    change = replace(change, reason="registered by an interrupted run" if is_ours else "adopt: true")
    if is_ours and (was := begun_restore(draft, client)):
        change = restored(change, was, draft.actual.facts, draft.desired.server_defaults)
    if change.writes_fields:
        guard_hidden(draft, client, observed, None)
    guard_change(draft, change, None)
    add_change(draft, change, client)


def _plan_update(draft: Draft, client: DesiredClient, observed: Registration, stored: ClientState) -> None:
    decision = decide_registered(client, observed, stored, draft.actual.facts, is_interrupted=draft.rotates(client))
    if why := why_requested(client, stored, draft.options):
        decision = decide_requested(decision, why)
    fields = compare_fields(draft, client, observed, stored)
    draft.after[client.address] = rendered_after(draft, client, decision.change)
    reason = _why(draft, client, stored)
    if not (fields or reason or decision.step is not SecretStep.NOTHING):
        return
    change = propose(draft, client, observed, fields, decision)
    if change.writes_fields:
        guard_hidden(draft, client, observed, stored)
    guard_change(draft, change, stored)
    is_alone = not fields and change.step in {SecretStep.ROTATE, SecretStep.CHOOSE}
    action = Action.ROTATE if is_alone else Action.UPDATE
    if stored.provider != draft.desired.api.provider:
        action = Action.ADOPT
    if fields and action is Action.UPDATE:
        reason = ""
    add_change(draft, replace(change, action=action, reason=change.reason or reason), client)


def _why(draft: Draft, client: DesiredClient, stored: ClientState) -> str:
    """What state alone has to learn; "" for nothing."""
    if stored.provider != draft.desired.api.provider:
        return f"handed over from {stored.provider}"
    if stored.prevent_destroy != client.lifecycle.prevent_destroy:
        return "lifecycle.prevent_destroy, which state remembers"
    return ""
