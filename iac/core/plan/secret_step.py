"""What becomes of a client's secret, decided from definition, server and state. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.model import AUTH_METHODS, SECRET_METHODS, Fields, uses_secret
from iac.core.plan.change import SecretChange, SecretStep
from iac.core.registration import Facts, Registration
from iac.core.state.model import ClientState, SecretStatus


@dataclass(frozen=True, slots=True)
class SecretDecision:
    """What becomes of the secret, how, and why when it is not plain."""

    change: SecretChange
    step: SecretStep
    reason: str = ""


_METHOD = "token_endpoint_auth_method"
NO_SECRET = SecretDecision(SecretChange.NONE, SecretStep.NOTHING)
_KEPT = SecretDecision(SecretChange.KEPT, SecretStep.NOTHING)
_LOST = SecretDecision(SecretChange.ROTATED, SecretStep.ROTATE, "the answer of an interrupted rotation is lost")


def decide_new(desired: DesiredClient, facts: Facts) -> SecretDecision:
    """A client that is created: the tool chooses the secret (rec: admin-chosen-secret), or takes the server's."""
    if uses_secret(desired.fields):
        return SecretDecision(SecretChange.CREATED, SecretStep.TAKE if facts.api.server_chooses else SecretStep.CHOOSE)
    return SecretDecision(SecretChange.NONE, SecretStep.NOTHING)


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
    is_ignored = _METHOD in desired.lifecycle.ignore_changes
    after = before if is_ignored else _method(desired.fields)
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
    is_stored = stored is not None and stored.secret is not None
    if server.secret_is_dropped(facts, before, after) or is_stored:
        return SecretDecision(SecretChange.ERASED, SecretStep.DROP, "the auth method has no secret")
    return SecretDecision(SecretChange.NONE, SecretStep.NOTHING)


def _hidden(stored: ClientState | None) -> SecretDecision:
    if stored is None:
        return SecretDecision(SecretChange.UNKNOWN, SecretStep.NOTHING)
    match stored.secret_status:
        case SecretStatus.KNOWN:
            return _KEPT
        case SecretStatus.UNKNOWN:
            return _LOST if stored.secret else SecretDecision(SecretChange.UNKNOWN, SecretStep.NOTHING)
        case SecretStatus.NONE:
            return SecretDecision(SecretChange.CREATED, SecretStep.ROTATE, "no secret of this client was ever stored")
        case _:
            assert_never(stored.secret_status)


def _is_newer(observed: Registration, stored: ClientState) -> bool:
    """Whether the server shows another secret than state holds: an interrupted rotation was done, services wait."""
    known, shown = stored.secret, observed.secret
    return known is not None and shown is not None and not known.holds(shown)


def _shown(observed: Registration, stored: ClientState | None) -> SecretDecision:
    if observed.secret is None:
        return SecretDecision(SecretChange.ROTATED, SecretStep.ROTATE, "the server holds no secret of this client")
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
