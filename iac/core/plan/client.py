"""What is done to each definition. Pure."""

from __future__ import annotations

from dataclasses import replace

from iac.core.desired import DesiredClient
from iac.core.diagnostics import Diagnostic, Severity
from iac.core.plan import guards
from iac.core.plan.change import Action, SecretChange, SecretStep
from iac.core.plan.draft import Draft
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
from iac.core.plan.reach import guard_change, guard_new
from iac.core.plan.secret_step import SecretDecision, decide_new, decide_registered, decide_requested
from iac.core.plan.succession import find_replacement, plan_predecessors, plan_succession, why_requested
from iac.core.registration import Registration
from iac.core.state.model import ClientState


def plan_client(draft: Draft, client: DesiredClient) -> None:
    """Decide between create, adopt, update, replace, rotate and nothing for one definition."""
    stored = draft.state.clients.get(client.address)
    replacement = find_replacement(draft, client, stored) if stored is not None else None
    if refuse_held(draft, replacement or client):
        return
    if stored is not None and replacement is not None:
        _plan_another(draft, replacement, stored)
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


def _plan_another(draft: Draft, client: DesiredClient, stored: ClientState) -> None:
    if draft.actual.facts.api.server_chooses:
        draft.guards.append(guards.other_id(client.address, stored.client_id, client.client_id))
    else:
        plan_succession(draft, client, stored)


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
    elif client.address in draft.state.intents:
        reason = "an interrupted run did not register it"
    findings = change.findings
    if client.adopt and stored is None:
        findings = (*findings, _nothing_to_adopt(client))
    add_change(draft, replace(change, action=Action.CREATE, reason=reason, findings=findings), client)


def _nothing_to_adopt(client: DesiredClient) -> Diagnostic:
    return Diagnostic(
        "nothing-to-adopt",
        f"adopt: true, but {client.client_id} is not registered",
        client.at("adopt"),
        "apply creates it",
        "check client_id and issuer, or remove adopt: true",
        Severity.WARNING,
        client.address,
        {"field": "adopt"},
    )


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
