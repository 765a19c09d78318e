"""What is done to each definition. Pure."""

from __future__ import annotations

from dataclasses import replace

from iac.core.desired import DesiredClient
from iac.core.diagnostics import Diagnostic, Severity
from iac.core.plan import guards, secret_step
from iac.core.plan.change import Action, SecretChange, SecretStep
from iac.core.plan.draft import Draft
from iac.core.plan.proposal import (
    after,
    begun_restore,
    compare_in,
    guard_hidden,
    has_chosen,
    propose,
    put,
    refuse_held,
    refuse_not_understood,
    restored,
)
from iac.core.plan.reach import guard_change, guard_new
from iac.core.plan.succession import asked, heir, let_go, plan_succession
from iac.core.registration import Registration
from iac.core.state.model import ClientState


def plan_client(draft: Draft, client: DesiredClient) -> None:
    """Decide between create, adopt, update, replace, rotate and nothing for one definition."""
    last = draft.state.clients.get(client.address)
    following = heir(draft, client, last) if last is not None else None
    if refuse_held(draft, following or client):
        return
    if last is not None and following is not None:
        _plan_another(draft, following, last)
        return
    seen = draft.actual.registrations.get(client.client_id)
    if seen is None and client.client_id in draft.actual.partial:
        refuse_not_understood(draft, client)
        return
    draft.guard_protected(client.address, client.client_id, seen)
    if seen is None:
        _plan_create(draft, client, last)
    elif last is None or draft.creates(client):
        _plan_adopt(draft, client, seen)
    else:
        _plan_update(draft, client, seen, last)
        let_go(draft, client, seen, last)


def _plan_another(draft: Draft, client: DesiredClient, last: ClientState) -> None:
    if draft.actual.facts.api.server_chooses:
        draft.guards.append(guards.other_id(client.address, last.client_id, client.client_id))
    else:
        plan_succession(draft, client, last)


def _plan_create(draft: Draft, client: DesiredClient, last: ClientState | None) -> None:
    if draft.actual.facts.api.server_chooses:
        guard_new(draft, client, last)
        client = replace(client, client_id="")
    elif last is not None and client.address not in draft.options.recreate:
        draft.guards.append(guards.gone(client.address, client.client_id))
    fields = compare_in(draft, client, None, last)
    change = propose(draft, client, None, fields, secret_step.of_new(client, draft.actual.facts))
    reason = "in no state and not registered"
    if last is not None:
        reason = "deleted on server"
    elif client.address in draft.state.intents:
        reason = "an interrupted run did not register it"
    findings = change.findings
    if client.adopt and last is None:
        findings = (*findings, _nothing_to_adopt(client))
    put(draft, replace(change, action=Action.CREATE, reason=reason, findings=findings), client)


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


def _plan_adopt(draft: Draft, client: DesiredClient, seen: Registration) -> None:
    is_ours = draft.creates(client)
    if not is_ours and not client.adopt:
        draft.guards.append(guards.taken(client))
        return
    known = secret_step.of_known(client, seen, None, draft.actual.facts, is_interrupted=draft.rotates(client))
    if is_ours and has_chosen(draft, client, seen):
        known = secret_step.Fate(SecretChange.CREATED, SecretStep.NOTHING)
    fields = compare_in(draft, client, seen, draft.state.clients.get(client.address))
    change = replace(propose(draft, client, seen, fields, known), action=Action.ADOPT, resumes=is_ours)
    change = replace(change, reason="registered by an interrupted run" if is_ours else "adopt: true")
    if is_ours and (was := begun_restore(draft, client)):
        change = restored(change, was, draft.actual.facts, draft.desired.server_defaults)
    if change.writes_fields:
        guard_hidden(draft, client, seen, None)
    guard_change(draft, change, None)
    put(draft, change, client)


def _plan_update(draft: Draft, client: DesiredClient, seen: Registration, last: ClientState) -> None:
    known = secret_step.of_known(client, seen, last, draft.actual.facts, is_interrupted=draft.rotates(client))
    if why := asked(client, last, draft.options):
        known = secret_step.of_asked(known, why)
    fields = compare_in(draft, client, seen, last)
    draft.after[client.address] = after(draft, client, known.change)
    reason = _why(draft, client, last)
    if not (fields or reason or known.step is not SecretStep.NOTHING):
        return
    change = propose(draft, client, seen, fields, known)
    if change.writes_fields:
        guard_hidden(draft, client, seen, last)
    guard_change(draft, change, last)
    is_alone = not fields and change.step in {SecretStep.ROTATE, SecretStep.CHOOSE}
    action = Action.ROTATE if is_alone else Action.UPDATE
    if last.provider != draft.desired.api.provider:
        action = Action.ADOPT
    if fields and action is Action.UPDATE:
        reason = ""
    put(draft, replace(change, action=action, reason=change.reason or reason), client)


def _why(draft: Draft, client: DesiredClient, last: ClientState) -> str:
    """What state alone has to learn; "" for nothing."""
    if last.provider != draft.desired.api.provider:
        return f"handed over from {last.provider}"
    if last.prevent_destroy != client.lifecycle.prevent_destroy:
        return "lifecycle.prevent_destroy, which state remembers"
    return ""
