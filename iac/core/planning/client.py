"""What is done to each definition. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iac.core import fate, guards, semantics
from iac.core.change import Action, Change, Finding, SecretChange, SecretStep
from iac.core.diagnostics import Severity
from iac.core.diff import HIDDEN, compare
from iac.core.model import uses_secret
from iac.core.outputs import Rendered
from iac.core.planning.reach import doubtful, facts_for, guard_change, guard_new
from iac.core.registration import Api

if TYPE_CHECKING:
    from iac.core.change import FieldChange
    from iac.core.desired import DesiredClient
    from iac.core.planning.draft import Draft
    from iac.core.registration import Facts, Registration
    from iac.core.state import ClientState

_NEW_SECRET = frozenset({SecretChange.CREATED, SecretChange.ROTATED})


def plan_client(draft: Draft, client: DesiredClient) -> None:
    """Decide between create, adopt, update, rotate and nothing for one definition."""
    last = draft.state.clients.get(client.address)
    seen = draft.actual.registrations.get(client.client_id)
    if last is not None and last.client_id != client.client_id:
        draft.guards.append(guards.other_id(client.address, last.client_id, client.client_id))
        return
    draft.guard_protected(client.address, client.client_id, seen)
    if seen is None:
        _plan_create(draft, client, last)
    elif last is None or draft.creates(client):
        _plan_adopt(draft, client, seen)
    else:
        _plan_update(draft, client, seen, last)


def _compare(draft: Draft, client: DesiredClient, seen: Registration | None) -> tuple[FieldChange, ...]:
    last = draft.state.clients.get(client.address)
    return compare(client, seen, last, draft.actual.facts, draft.desired.server_defaults)


def _change(draft: Draft, client: DesiredClient, seen: Registration | None, fields: tuple[FieldChange, ...]) -> Change:
    """The change as far as it does not depend on the action; refusals that are sure become guards."""
    findings = []
    facts = facts_for(draft, draft.state.clients.get(client.address))
    for refusal in semantics.refusals(doubtful(draft, client.fields), facts, held=seen.fields if seen else None):
        if refusal.is_certain:
            draft.guards.append(guards.refuses(client.address, refusal.rule, refusal.summary, refusal.fix))
        else:
            findings.append(Finding(refusal.rule, Severity.WARNING, refusal.summary))
    return Change(
        address=client.address,
        client_id=client.client_id,
        client_name=str(client.fields.get("client_name", "")),
        action=Action.UPDATE,
        reason="",
        location=client.location,
        fields=fields,
        findings=tuple(findings),
        desired=client,
        observed=seen,
    )


def _with(change: Change, known: fate.Fate) -> Change:
    return replace(change, secret=known.change, step=known.step, reason=known.reason)


def _put(draft: Draft, change: Change, client: DesiredClient) -> None:
    last = draft.state.clients.get(client.address)
    draft.after[client.address] = _after(client, last, change.secret, draft.actual.facts)
    draft.changes[client.address] = change


def _plan_create(draft: Draft, client: DesiredClient, last: ClientState | None) -> None:
    if draft.actual.facts.api is not Api.ADMIN:
        guard_new(draft, client, last)
        client = replace(client, client_id="")
    elif last is not None and client.address not in draft.options.recreate:
        draft.guards.append(guards.gone(client.address, client.client_id))
    fields = _compare(draft, client, None)
    change = _with(_change(draft, client, None, fields), fate.of_new(client, draft.actual.facts))
    reason = "in no state and not registered"
    if last is not None:
        reason = "deleted on server"
    elif client.address in draft.state.intents:
        reason = "an interrupted run did not register it"
    findings = change.findings
    if client.adopt and last is None:
        message = f"adopt: true, but {client.client_id} is not registered: it will be created"
        findings = (*findings, Finding("nothing-to-adopt", Severity.WARNING, message))
    _put(draft, replace(change, action=Action.CREATE, reason=reason, findings=findings), client)


def _address_before(draft: Draft, client: DesiredClient) -> str:
    """The address without a definition under which state holds this client_id; "" for none."""
    held = draft.state.clients.items()
    gone = (address for address, other in held if other.client_id == client.client_id)
    return next((address for address in gone if address not in draft.desired.clients), "")


def _plan_adopt(draft: Draft, client: DesiredClient, seen: Registration) -> None:
    is_ours = draft.creates(client)
    if not is_ours and not client.adopt:
        before = _address_before(draft, client)
        draft.guards.append(guards.renamed(client, before) if before else guards.taken(client))
        return
    known = fate.of_known(client, seen, None, draft.actual.facts, is_interrupted=draft.rotates(client))
    if is_ours and _has_chosen(draft, client, seen):
        known = fate.Fate(SecretChange.CREATED, SecretStep.NOTHING)
    fields = _compare(draft, client, seen)
    change = replace(_with(_change(draft, client, seen, fields), known), action=Action.ADOPT, resumes=is_ours)
    _guard_hidden(draft, change, None)
    guard_change(draft, change, None)
    _put(draft, replace(change, reason="registered by an interrupted run" if is_ours else "adopt: true"), client)


def _has_chosen(draft: Draft, client: DesiredClient, seen: Registration) -> bool:
    """Whether the secret that the interrupted create chose is the one to keep."""
    chosen = draft.state.intents[client.address].secret
    return chosen is not None and uses_secret(client.fields) and uses_secret(seen.fields)


def _plan_update(draft: Draft, client: DesiredClient, seen: Registration, last: ClientState) -> None:
    known = fate.of_known(client, seen, last, draft.actual.facts, is_interrupted=draft.rotates(client))
    if client.address in draft.options.rotate:
        known = fate.of_asked(known)
    fields = _compare(draft, client, seen)
    draft.after[client.address] = _after(client, last, known.change, draft.actual.facts)
    reason = _why(draft, client, last)
    if not (fields or reason or known.step is not SecretStep.NOTHING):
        return
    change = _with(_change(draft, client, seen, fields), known)
    _guard_hidden(draft, change, last)
    guard_change(draft, change, last)
    is_alone = not fields and change.step in {SecretStep.ROTATE, SecretStep.CHOOSE}
    action = Action.ROTATE if is_alone else Action.UPDATE
    if last.provider != draft.desired.provider:
        action = Action.ADOPT
    if fields and action is Action.UPDATE:
        reason = ""
    _put(draft, replace(change, action=action, reason=change.reason or reason), client)


def _why(draft: Draft, client: DesiredClient, last: ClientState) -> str:
    """What state alone has to learn; "" for nothing."""
    if last.provider != draft.desired.provider:
        return f"handed over from {last.provider}"
    if last.prevent_destroy != client.lifecycle.prevent_destroy:
        return "lifecycle.prevent_destroy, which state remembers"
    return ""


def _guard_hidden(draft: Draft, change: Change, last: ClientState | None) -> None:
    """A PUT erases what it does not carry: a hidden jwk that nobody declares (rec: admin-jwk)."""
    client, seen = change.desired, change.observed
    if client is None or seen is None or not change.writes_fields or not draft.actual.facts.has_up_scoping:
        return
    for name in sorted(HIDDEN - client.declared):
        is_held = (last is not None and name in last.applied) or _needs_key(seen)
        if is_held and "jwks_uri" not in client.fields:
            draft.guards.append(guards.hidden(change.address, name))


def _needs_key(seen: Registration) -> bool:
    method = seen.fields.get("token_endpoint_auth_method")
    return method == "private_key_jwt" and "jwks_uri" not in seen.fields


def _after(client: DesiredClient, last: ClientState | None, secret: SecretChange, facts: Facts) -> Rendered:
    version = last.secret.version if last and last.secret else 0
    if secret in _NEW_SECRET or (secret is SecretChange.KEPT and version == 0):
        version += 1
    fields = semantics.forced(client.fields, facts.api)
    if secret is SecretChange.UNKNOWN:
        return Rendered(client.client_id, fields, None)
    return Rendered(client.client_id, fields, version if uses_secret(client.fields) else 0)
