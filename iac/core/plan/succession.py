"""Another client in the place of one: by another client_id in the definition, or by a rotation that replaces. Pure.

The successor is registered first; when its outputs are written its predecessor is deleted, at once or after its grace.
"""

from __future__ import annotations

from msgspec.structs import replace

from iac.core.desired import DesiredClient, Rotation
from iac.core.model import Registration, UnreadReason, uses_secret
from iac.core.plan import guards
from iac.core.plan.change import CLIENT_ID, Action, Cause, FieldChange, PredecessorChange, SecretChange, SecretStep
from iac.core.plan.identity import base_of, successor
from iac.core.plan.plan import Draft, PlanOptions, StandingPredecessor
from iac.core.plan.proposal import (
    add_change,
    carried,
    compare_fields,
    guard_hidden,
    keeps_chosen_secret,
    propose,
)
from iac.core.plan.secret_step import SecretDecision, decide_new, decide_registered
from iac.core.rotation import ROTATE_AFTER, due, duration, is_past, later
from iac.core.state.model import ClientState, Predecessor


def why_requested(client: DesiredClient, stored: ClientState, options: PlanOptions) -> str:
    """Why the options of this run ask for a new secret of a client; "" when they do not."""
    if client.address in options.rotate:
        return "a new secret was asked for"
    overdue = due(client, stored, options.now) if options.rotate_due else None
    if overdue is None:
        return ""
    return f"due since {overdue.since} ({f'it ends at {overdue.ends}' if overdue.ends else ROTATE_AFTER})"


def _why_rotated(client: DesiredClient, stored: ClientState, options: PlanOptions) -> str:
    """Why a rotation is wanted; "" when it is not."""
    if client.secret_serial > stored.secret_serial:
        return f"secret.serial {stored.secret_serial} -> {client.secret_serial}"
    return why_requested(client, stored, options)


def may_succeed(client: DesiredClient, stored: ClientState, options: PlanOptions) -> bool:
    """Whether another client is to take the place of this one, as far as definition and state say."""
    if stored.client_id != client.client_id:
        return True
    is_replacing = client.lifecycle.rotation is Rotation.REPLACE and uses_secret(client.fields)
    return is_replacing and bool(_why_rotated(client, stored, options))


def find_replacement(draft: Draft, client: DesiredClient, stored: ClientState) -> DesiredClient | None:
    """The definition bound to the client that takes the place of the present one; None when that stays."""
    if stored.client_id != client.client_id:
        return client
    api, observed = draft.actual.facts.api, draft.actual.registrations.get(client.client_id)
    if not api.can_replace:
        return None
    is_wanted = may_succeed(client, stored, draft.options)
    if observed is None or not uses_secret(observed.fields) or not (is_wanted or client.address in draft.state.intents):
        return None
    replacement = successor(client, api)
    if client.address in draft.named and api.server_chooses and is_wanted:
        draft.guards.append(guards.names_id(client.address, client.client_id))
    is_begun = draft.creates(replacement) and replacement.client_id in draft.actual.registrations
    return replacement if is_begun or is_wanted else None


def plan_succession(draft: Draft, client: DesiredClient, stored: ClientState) -> None:
    """Register `client`, or go on with that, and let the client of `stored` go when outputs are written."""
    old, observed = (draft.actual.registrations.get(name) for name in (stored.client_id, client.client_id))
    _guard(draft, client, stored, old)
    draft.guard_protected(client.address, client.client_id, observed)
    is_ours, is_rotation = draft.creates(client), client.generation > 1
    if observed is not None and not is_ours and (is_rotation or not client.adopt):
        draft.guards.append(guards.taken(client))
        return
    renamed = FieldChange(CLIENT_ID, stored.client_id, client.client_id or None, Cause.DEFINITION)
    fields = (renamed, *compare_fields(draft, client, observed or old, stored if observed is None else None))
    change = propose(draft, client, observed, fields, _decide_secret(draft, client, observed))
    grace = 0 if old is None or draft.options.no_grace else client.lifecycle.grace
    overdue, waiting = _overdue(draft, client, stored), _waiting(draft, client, stored)
    change = replace(
        change,
        action=Action.ROTATE if is_rotation else Action.REPLACE,
        reason=_reason(draft, client, stored, grace),
        resumes=is_ours and observed is not None,
        succeeds=stored.client_id,
        leaving=(*overdue, *waiting, PredecessorChange(stored.client_id, old, grace)),
        carried=carried(client, old, draft.actual.facts) if old else {},
        carried_owners=(old.owners or ()) if old and client.managed_owners is None else (),
    )
    add_change(draft, change, client)


def _guard(draft: Draft, client: DesiredClient, stored: ClientState, old: Registration | None) -> None:
    draft.guard_protected(client.address, stored.client_id, old)
    if old is None:
        return
    if stored.prevent_destroy and client.generation == 1:
        draft.guards.append(guards.protects_replaced(client.address, stored.client_id, client.client_id))
    if old.is_disabled:
        draft.guards.append(guards.suspended(client.address, stored.client_id))
    guard_hidden(draft, client, old, stored)
    if draft.actual.unread.get(stored.client_id) is UnreadReason.NO_ADDRESS:
        draft.guards.append(guards.create_only(client.address, stored.client_id))


def _decide_secret(draft: Draft, client: DesiredClient, observed: Registration | None) -> SecretDecision:
    if observed is None:
        decision = decide_new(client, draft.actual.facts)
    elif draft.creates(client) and keeps_chosen_secret(draft, client, observed):
        decision = SecretDecision(SecretChange.CREATED, SecretStep.NOTHING)
    else:
        decision = decide_registered(client, observed, None, draft.actual.facts, is_interrupted=False)
    is_rotation = client.generation > 1 and decision.change is SecretChange.CREATED
    return replace(decision, change=SecretChange.ROTATED) if is_rotation else decision


def _reason(draft: Draft, client: DesiredClient, stored: ClientState, grace: int) -> str:
    why = "another client_id in the definition"
    if client.generation > 1:
        before = replace(client, client_id=stored.client_id, generation=stored.generation)
        why = _why_rotated(before, stored, draft.options) or "registered by an interrupted run"
    if stored.client_id not in draft.actual.registrations:
        return f"{why}; {stored.client_id} is gone from the server already"
    stays = f"stays for {duration(grace)} from then on" if grace else "is deleted last"
    return (
        f"{why}: {client.client_id or 'another client'} is registered, outputs are written, {stored.client_id} {stays}"
    )


def plan_predecessors(draft: Draft, client: DesiredClient, observed: Registration, stored: ClientState) -> None:
    """What is left of successions: predecessors that wait for outputs, or whose grace time is over."""
    waiting = _waiting(draft, client, stored)
    leaving = (*_overdue(draft, client, stored), *waiting)
    if not leaving:
        return
    change = draft.changes.get(client.address)
    if change is None:
        secret = SecretChange.KEPT if uses_secret(client.fields) else SecretChange.NONE
        change = replace(propose(draft, client, observed), secret=secret)
    names = ", ".join(old.client_id for old in leaving)
    reason = f"{names} waits for outputs to be written" if waiting else f"the grace time of {names} is over"
    draft.changes[client.address] = replace(
        change,
        action=_action(stored, leaving, change.action),
        reason="; ".join(part for part in (change.reason, reason) if part),
        resumes=bool(waiting),
        leaving=leaving,
    )


def _action(stored: ClientState, leaving: tuple[PredecessorChange, ...], action: Action) -> Action:
    """The action of the change that this one finishes."""
    if waiting := [old.client for old in stored.predecessors if not old.since]:
        return Action.ROTATE if base_of(waiting[-1]) == base_of(stored) else Action.REPLACE
    return Action.REPLACE if any(old.observed for old in leaving) else action


def _waiting(draft: Draft, client: DesiredClient, stored: ClientState) -> tuple[PredecessorChange, ...]:
    """Predecessors that stay until outputs are written."""
    names = {old.client.client_id: _grace(client, old) for old in stored.predecessors if not old.since}
    registrations = draft.actual.registrations
    known = ((name, grace, registrations.get(name)) for name, grace in names.items() if not _is_unknown(draft, name))
    return tuple(PredecessorChange(name, there, grace if there else 0) for name, grace, there in known)


def _overdue(draft: Draft, client: DesiredClient, stored: ClientState) -> tuple[PredecessorChange, ...]:
    """Predecessors whose grace time is over, or that are gone; how the others stand is noted."""
    leaving = []
    for old in stored.predecessors:
        until = later(old.since, _grace(client, old)) if old.since else ""
        observed = draft.actual.registrations.get(old.client.client_id)
        is_over = bool(until) and (observed is None or is_past(until, draft.options.now))
        is_due = is_over and not _is_unknown(draft, old.client.client_id)
        if is_due:
            leaving.append(PredecessorChange(old.client.client_id, observed))
        draft.standing.append(
            StandingPredecessor(client.address, old.client.client_id, stored.client_id, until, is_due)
        )
    return tuple(leaving)


def _is_unknown(draft: Draft, client_id: str) -> bool:
    """Whether it is unknown if a client is registered: this login may not reach it."""
    return client_id not in draft.actual.registrations and not draft.actual.facts.api.reads_all


def _grace(client: DesiredClient, old: Predecessor) -> int:
    """The grace time, as the definition has it now. It can become longer or shorter, but not begin."""
    is_declared = client.lifecycle.rotation is Rotation.REPLACE
    return client.lifecycle.grace if old.grace and is_declared else old.grace
