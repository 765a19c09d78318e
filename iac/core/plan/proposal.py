"""What the changes of definitions have in common, whatever is done to them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from iac.core import server
from iac.core.desired import DesiredClient, Disposition
from iac.core.errors import Diagnostic, Severity
from iac.core.model import FIELDS, Facts, Fields, Registration, uses_secret
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, FieldChange, SecretChange, SecretStep
from iac.core.plan.diff import HIDDEN, compare
from iac.core.plan.plan import Draft, RenderedClient
from iac.core.plan.reach import doubtful, facts_for
from iac.core.plan.secret_step import NO_SECRET, SecretDecision
from iac.core.state.model import ClientState, kid_in_use

LAST_ANSWER = "restored as the server last answered it"
UNKNOWN = (
    "restored as it was last applied: this state is from before format 1.1, which keeps the server's answer,"
    " so nobody knows what was set by hand or left to the server"
)
"""Reasons of a change that restores a client."""

_NEW_SECRET = frozenset({SecretChange.CREATED, SecretChange.ROTATED})


def propose(
    draft: Draft,
    client: DesiredClient,
    observed: Registration | None,
    fields: tuple[FieldChange, ...] = (),
    decision: SecretDecision = NO_SECRET,
) -> Change:
    """The change as far as it does not depend on the action; what the server would refuse becomes a guard.

    Args:
        draft: the plan.
        client: the definition.
        observed: its registration; None for a client that is created.
        fields: those that differ.
        decision: what becomes of the secret.
    """
    change = Change(
        address=client.address,
        client_id=client.client_id,
        client_name=str(client.fields.get("client_name", "")),
        action=Action.UPDATE,
        reason=decision.reason,
        location=client.location,
        fields=fields,
        desired=client,
        observed=observed,
        secret=decision.change,
        step=decision.step,
    )
    if observed is not None and not change.writes_fields and change.step is not SecretStep.CHOOSE:
        return change  # nothing of it is sent: what the server holds is left alone, whatever it is
    findings = []
    for refusal in _refusals(draft, client, observed):
        if refusal.severity is Severity.ERROR:
            draft.guards.append(guards.refuses(client.address, refusal))
        else:
            place = client.at(refusal.details["field"], refusal.details["value"])
            findings.append(replace(refusal, location=place, where=client.address))
    return replace(change, findings=tuple(findings))


def _refusals(draft: Draft, client: DesiredClient, observed: Registration | None) -> Iterator[Diagnostic]:
    """What the server would refuse or drop; a severity of the project, or a waiver, says that this one does not."""
    waived = {waiver.rule for waiver in client.waivers}
    stored = draft.state.clients.get(client.address)
    facts = facts_for(draft, stored)
    base = observed or (draft.actual.registrations.get(stored.client_id) if stored else None)  # whose place it takes
    current = observed.fields if observed else None
    for refusal in server.refusals(doubtful(draft, client.fields), facts, current=current, kept=_kept(client, base)):
        severity = draft.desired.policy.get(refusal.id)
        if severity == "warning" or refusal.id in waived:
            yield replace(refusal, severity=Severity.WARNING)
        elif severity != "off":
            yield refusal
    problem = server.client_id_problem(client.client_id, facts.api, is_new=observed is None)
    if problem is not None:
        yield replace(problem, fix="use another client_id")


def _kept(client: DesiredClient, base: Registration | None) -> Fields:
    """What the client has and a write leaves as it is; who logs in by key has one, shown or not."""
    if base is None:
        return {}
    is_keyed = base.fields.get("token_endpoint_auth_method") == "private_key_jwt"
    hidden: Fields = {"jwk": ""} if is_keyed else {}
    return {name: value for name, value in {**hidden, **base.fields}.items() if name not in client.managed}


def compare_fields(
    draft: Draft, client: DesiredClient, observed: Registration | None, stored: ClientState | None
) -> tuple[FieldChange, ...]:
    """The fields that a write would change, on the server of this plan."""
    return compare(client, observed, stored, draft.actual.facts, draft.desired.server_defaults)


def add_change(draft: Draft, change: Change, client: DesiredClient) -> None:
    """Take a change into the plan, and the client as it is after it."""
    draft.after[client.address] = rendered_after(draft, client, change.secret)
    draft.changes[client.address] = change


def rendered_after(draft: Draft, client: DesiredClient, secret: SecretChange) -> RenderedClient:
    """A client as outputs will see it."""
    stored = draft.state.clients.get(client.address)
    version = stored.secret.version if stored and stored.secret else 0
    if secret in _NEW_SECRET or (secret is SecretChange.KEPT and version == 0):
        version += 1
    fields = server.forced(client.fields, draft.actual.facts.api)
    if secret is SecretChange.UNKNOWN:
        return RenderedClient(client.client_id, fields, None)
    kid = kid_in_use(draft.state.keys, client.address, fields)
    return RenderedClient(client.client_id, fields, version if uses_secret(client.fields) else 0, kid)


def refuse_not_understood(draft: Draft, client: DesiredClient) -> None:
    """A client that is registered, in no state, and not understood: neither created nor taken over."""
    if client.address not in draft.state.intents:
        problem = draft.actual.partial[client.client_id].invalid_words
        draft.guards.append(guards.not_understood(client.address, client.client_id, problem))


def refuse_held(draft: Draft, client: DesiredClient) -> bool:
    """Refuse a client of another address, which would change it or delete it; perhaps the definition was moved."""
    holder = draft.holders.get(client.client_id, client.address)
    if holder == client.address:
        return False
    leaving = {entry.address: entry.then for entry in draft.desired.removed}
    if holder not in draft.desired.clients and leaving.get(holder) is Disposition.FORGET:
        return False
    is_moved = holder not in draft.desired.clients and holder not in leaving
    draft.guards.append(guards.renamed(client, holder) if is_moved else guards.held_elsewhere(client, holder))
    return True


def keeps_chosen_secret(draft: Draft, client: DesiredClient, observed: Registration) -> bool:
    """Whether the secret that the interrupted create chose is the one to keep."""
    chosen = draft.state.intents[client.address].secret
    return chosen is not None and uses_secret(client.fields) and uses_secret(observed.fields)


def begun_restore(draft: Draft, client: DesiredClient) -> ClientState | None:
    """The deleted client that an interrupted run was about to create again; the secret that it sent tells it."""
    chosen = draft.state.intents[client.address].secret
    graves = (grave.client for grave in draft.state.tombstones if grave.address == client.address)
    return next((was for was in graves if chosen and was.secret and was.secret.is_same(chosen)), None)


def restored(change: Change, was: ClientState, facts: Facts, defaults: Fields) -> Change:
    """The change with all that a deleted client had and no definition manages, by its last answer."""
    client = change.desired
    if client is None or not (change.creates or change.resumes):
        return change
    if was.answer is None:
        return replace(change, reason=UNKNOWN)
    taken = carried(client, Registration(was.client_id, was.applied, answer=was.answer), facts)
    everything = replace(client, fields={**taken, **client.fields}, declared=client.declared | taken.keys())
    return replace(
        change,
        reason=_reason(was.answer),
        fields=compare(everything, change.observed, None, facts, defaults),
        carried=taken,
        carried_owners=was.owners or () if client.managed_owners is None else (),
    )


def _reason(answer: Mapping[str, Any]) -> str:
    if answer.get("active") is False:
        return f"{LAST_ANSWER}, but enabled: it was disabled, and only an administrator can do that again"
    return LAST_ANSWER


def guard_hidden(draft: Draft, client: DesiredClient, observed: Registration, stored: ClientState | None) -> None:
    """Guard a hidden jwk that no definition declares: an update without it erases it (rec: admin-jwk)."""
    if not draft.actual.facts.has_up_scoping:
        return
    for name in sorted(HIDDEN - client.declared):
        needs_key = (
            observed.fields.get("token_endpoint_auth_method") == "private_key_jwt" and "jwks_uri" not in observed.fields
        )
        is_held = (stored is not None and name in stored.applied) or needs_key
        if is_held and "jwks_uri" not in client.fields:
            draft.guards.append(guards.hidden(client.address, name))


def carried(client: DesiredClient, old: Registration, facts: Facts) -> Fields:
    """What `old` has and the definition does not manage, members that this program does not know among it.

    It is what an update would leave as it is: a client that takes the place of `old` gets it too.
    """
    body = server.update_body(replace(old, secret=None), {}, (), facts)
    decision = server.parse_answer(body, facts.api).fields
    is_known = facts.api.knows_defaults  # else what only the server sets cannot be told from the rest
    others = {name: value for name, value in body.items() if is_known and name not in FIELDS and name != "client_id"}
    is_keyed = "jwks_uri" in client.fields
    own = {name: decision[name] for name in decision if name not in client.managed and not (is_keyed and name == "jwk")}
    return {**others, **own}
