"""The secrets of a plan: what becomes of each, which are due, and which are sealed to others than those named. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.errors import Diagnostic, Severity
from iac.core.model import AUTH_METHODS, SECRET_METHODS, Facts, Fields, Registration, uses_secret
from iac.core.plan.change import Recipients, SecretChange, SecretStep, compare_recipients
from iac.core.plan.plan import Draft, secret_fix
from iac.core.rotation import ROTATE_AFTER, due, duration
from iac.core.state.model import ClientState, SealedSecret, SecretStatus

_METHOD = "token_endpoint_auth_method"


class SecretDecision(Struct, frozen=True):
    """What becomes of the secret, how, and why when it is not plain."""

    change: SecretChange
    step: SecretStep
    reason: str = ""


NO_SECRET = SecretDecision(SecretChange.NONE, SecretStep.NOTHING)
_KEPT = SecretDecision(SecretChange.KEPT, SecretStep.NOTHING)
_LOST = SecretDecision(SecretChange.ROTATED, SecretStep.ROTATE, "the answer of an interrupted rotation is lost")


def decide_new(desired: DesiredClient, facts: Facts) -> SecretDecision:
    """A client that is created: the tool chooses the secret (rec: admin-chosen-secret), or takes the server's."""
    if uses_secret(desired.fields):
        return SecretDecision(SecretChange.CREATED, SecretStep.TAKE if facts.api.server_chooses else SecretStep.CHOOSE)
    return NO_SECRET


def decide_registered(
    desired: DesiredClient, observed: Registration, stored: ClientState | None, facts: Facts, *, is_interrupted: bool
) -> SecretDecision:
    """A client that is registered.

    Args:
        desired: the definition.
        observed: the registration.
        stored: the client as state has it; None when the client is being taken over.
        facts: which server this is.
        is_interrupted: whether a rotation was sent whose answer is lost.
    """
    before = _method(observed.fields)
    after = before if _METHOD in desired.lifecycle.ignore_changes else _method(desired.fields)
    if after not in SECRET_METHODS:
        return _without(before, after, stored, facts)
    if server.answer_brings_secret(facts, before, after):
        return SecretDecision(SecretChange.CREATED, SecretStep.TAKE, "the new auth method needs a secret")
    if server.secret_must_be_made(facts, before, after):
        step = SecretStep.ROTATE if server.hides_secrets(facts) else SecretStep.CHOOSE
        return SecretDecision(SecretChange.CREATED, step, "the new auth method needs a secret")
    if stored is not None and desired.secret_serial > stored.secret_serial:
        why = f"secret.serial {stored.secret_serial} -> {desired.secret_serial}"
        is_done = is_interrupted and _is_newer(observed, stored)
        return SecretDecision(SecretChange.ROTATED, SecretStep.TAKE if is_done else SecretStep.ROTATE, why)
    if observed.secret is None and (observed.is_remembered or server.hides_secrets(facts)):
        return _LOST if is_interrupted else _hidden(stored)
    return _shown(observed, stored)


def decide_requested(known: SecretDecision, why: str) -> SecretDecision:
    """The decision when this run is asked for a new secret; a client without a secret stays so."""
    if known.step in {SecretStep.ROTATE, SecretStep.CHOOSE, SecretStep.DROP} or known.change is SecretChange.NONE:
        return known
    return SecretDecision(SecretChange.ROTATED, SecretStep.ROTATE, why)


def _method(fields: Fields) -> str:
    return str(fields.get(_METHOD, AUTH_METHODS[0]))


def _without(before: str, after: str, stored: ClientState | None, facts: Facts) -> SecretDecision:
    if server.secret_is_dropped(facts, before, after) or (stored is not None and stored.secret is not None):
        return SecretDecision(SecretChange.ERASED, SecretStep.DROP, "the auth method has no secret")
    return NO_SECRET


def _hidden(stored: ClientState | None) -> SecretDecision:
    if stored is None:
        return SecretDecision(SecretChange.UNKNOWN, SecretStep.NOTHING)
    match stored.secret_status:
        case SecretStatus.KNOWN:
            return _KEPT
        case SecretStatus.UNKNOWN:
            return _LOST if stored.secret else SecretDecision(SecretChange.UNKNOWN, SecretStep.NOTHING)
        case SecretStatus.NONE:
            return SecretDecision(
                SecretChange.CREATED, SecretStep.ROTATE, "iac has never stored a secret of this client"
            )
        case _:
            assert_never(stored.secret_status)


def _is_newer(observed: Registration, stored: ClientState) -> bool:
    """Whether the server shows another secret than state holds: an interrupted rotation was done, services wait."""
    known, shown = stored.secret, observed.secret
    return known is not None and shown is not None and not known.holds(shown)


def _shown(observed: Registration, stored: ClientState | None) -> SecretDecision:
    if observed.secret is None:
        return SecretDecision(SecretChange.ROTATED, SecretStep.ROTATE, "the server has no secret of this client")
    if stored is None:
        return SecretDecision(SecretChange.KEPT, SecretStep.TAKE)
    if (
        stored.secret is not None
        and stored.secret.holds(observed.secret)
        and stored.secret_status is SecretStatus.KNOWN
    ):
        return _KEPT
    change = SecretChange.CREATED if stored.secret_status is SecretStatus.NONE else SecretChange.ROTATED
    return SecretDecision(change, SecretStep.TAKE, "the secret was changed on the server")


_RENEWED = frozenset({SecretChange.CREATED, SecretChange.ROTATED, SecretChange.ERASED})


def find_due(draft: Draft) -> Iterator[Diagnostic]:
    """A finding for each secret that is due and that this plan does not renew. It does not count as a change."""
    for client in draft.desired.clients.values():
        stored, change = draft.state.clients.get(client.address), draft.changes.get(client.address)
        is_renewed = change is not None and change.secret in _RENEWED
        if stored is None or is_renewed or not draft.options.wants(client.address):
            continue
        overdue = due(client, stored, draft.options.now)
        if overdue is not None:
            age = f"rotate_after {duration(client.lifecycle.rotate_after or 0)}"
            age = f"the server ends it at {overdue.ends}" if overdue.ends else age
            counted = ", counted from when the client was taken over" if overdue.is_counted_from_taking_over else ""
            yield Diagnostic(
                "rotation-due",
                f"the secret is due for rotation since {overdue.since}",
                client.at(ROTATE_AFTER),
                f"{age}{counted}",
                "iac apply --rotate-due",
                Severity.WARNING,
                client.address,
                {"field": ROTATE_AFTER},
            )


def find_secretless(draft: Draft) -> Iterator[Diagnostic]:
    """A finding for each client that has no secret that iac knows, or may have none after its change."""
    if draft.desired.api.shows_true_secrets:
        return
    for address, client in draft.desired.clients.items():
        stored, change = draft.state.clients.get(address), draft.changes.get(address)
        if stored is None or stored.secret is not None or not draft.options.wants(address):
            continue
        if change is not None and change.step is SecretStep.TAKE and change.observed is not None:
            summary = "the server may make no secret for the new auth method, and then nobody can use the client"
            fix = "register another client under another address, unless this server is known to make one"
            yield _about_secret(client, "secret-not-made", summary, fix)
        elif uses_secret(client.fields) and (change is None or not change.creates):
            fix = secret_fix([address], draft.stored) + "; if there is none, register a client under another address"
            yield _about_secret(client, "secret-unknown", "iac does not know the client's secret", fix)


def _about_secret(client: DesiredClient, rule: str, summary: str, fix: str) -> Diagnostic:
    place = client.at(_METHOD)
    return Diagnostic(rule, summary, place, "", fix, Severity.WARNING, client.address, {"field": _METHOD})


SEALED_OTHERWISE = "sealed-to-others"
"""Id of the finding."""

_SEALED = frozenset({SecretStep.CHOOSE, SecretStep.ROTATE, SecretStep.TAKE})
"""Steps that bring a secret, which apply seals."""


def attach_recipients(draft: Draft, moves: Collection[tuple[str, str]]) -> dict[str, Recipients]:
    """Put into each change who can open the client's secrets; by address, of clients without one, where that changes.

    Other recipients alone do not open a change: apply seals what it writes, and `iac state rekey` all the rest.
    """
    quiet = {}
    moved = {target for _, target in moves}
    for address, client in sorted(draft.desired.clients.items()):
        secrets = list(_stored(draft, address))
        keys = (draft.desired.recipients, client.recipients)
        is_same = all((one.state_recipients, one.recipients) == keys and keys[0] for one in secrets)
        is_touched = address in draft.changes or not is_same
        if not draft.options.wants(address) or not is_touched or not (secrets or _gets_secret(draft, address)):
            continue
        is_sealed = address in moved or _gets_secret(draft, address)
        who = compare_recipients(draft.desired.recipients, client.recipients, secrets, is_sealed=is_sealed)
        if address in draft.changes:
            draft.changes[address] = replace(draft.changes[address], recipients=who)
        elif who.is_changed:
            quiet[address] = who
    return quiet


def find_sealed_otherwise(draft: Draft, moves: Collection[tuple[str, str]]) -> Iterator[Diagnostic]:
    """A finding for each secret of state whose recipients are not those of its definition. It is not a change.

    What a plan seals anyway, because the secret is new or its address is, is sealed to the recipients of now.
    """
    moved = {target for _, target in moves}
    for address, client in draft.desired.clients.items():
        if not draft.options.wants(address) or address in moved:
            continue
        wanted = set(client.recipients)
        if any(set(secret.recipients) != wanted for secret in _kept(draft, address)):
            yield Diagnostic(
                SEALED_OTHERWISE,
                "the secret is sealed to other recipients than its definition names",
                client.at("recipients"),
                fix="iac state rekey",
                severity=Severity.WARNING,
                where=address,
                details={"field": "recipients"},
            )


def _kept(draft: Draft, address: str) -> Iterator[SealedSecret]:
    """Secrets and private keys of an address that stay sealed as they are."""
    keys = [key.private for key in draft.state.keys.get(address, ())]
    yield from keys if _gets_secret(draft, address) else _stored(draft, address)


def _stored(draft: Draft, address: str) -> Iterator[SealedSecret]:
    """Secrets and private keys of an address in state."""
    holder = draft.state.clients.get(address) or draft.state.intents.get(address)
    if holder is not None and holder.secret is not None and _step(draft, address) is not SecretStep.DROP:
        yield holder.secret
    yield from (key.private for key in draft.state.keys.get(address, ()))


def _gets_secret(draft: Draft, address: str) -> bool:
    return _step(draft, address) in _SEALED


def _step(draft: Draft, address: str) -> SecretStep:
    change = draft.changes.get(address)
    return change.step if change else SecretStep.NOTHING
