"""What is asked of the server and of the state: who we are, what that lets us do, what it lets us see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iac.config.settings import Settings
from iac.core.errors import IacError
from iac.core.limits import listed
from iac.core.plan.recipients import recipient
from iac.core.registration import Actual
from iac.core.secret import Secret
from iac.ports import Clock, Deliveries, Identity, StateBackend
from iac.ports.settings import ProviderSettings
from iac.sealing import recipients_of
from iac.session import find_newer
from iac.transport.retry import TOLERANCE, skew_words
from iac.views.words import counted
from iac.workflow.doctor.check import Check, Verdict, failed, ok, unknown, warning

if TYPE_CHECKING:
    from iac.providers.base import Connected

READ, WRITE = "iam:admin.read", "iam:admin.write"


def server(provider: Connected, known: ProviderSettings, issuer: str) -> Iterator[Check]:
    """Reachable, the one that it says it is, and how it takes the login; scopes and lists where it has them."""
    identity = provider.identify()
    if identity.issuer == issuer:
        yield ok("server", f"{identity.issuer} answers and is the issuer of iac.yaml")
    else:
        says = (
            f"iac.yaml spells the issuer {issuer}, the server spells it {identity.issuer}; outputs carry the server's"
        )
        yield warning("server", says, f"change iac.yaml to issuer: {identity.issuer}")
    yield ok("login", f"logged in as {identity.subject or 'a client that the token does not name'}")
    if known.scopes_of_login:
        yield _scopes(identity)
    actual = provider.read([])
    if known.api.reads_all:
        yield ok("flavour", f"behaves like IAM {actual.facts.flavour}, {counted(actual.total, 'client')}")
        yield _exposure(actual)
    yield _clock(provider.skew)


def _scopes(identity: Identity) -> Check:
    scopes = identity.scopes
    if scopes is None:
        return unknown("scopes", "the token does not say its scopes; the server's answers will tell")
    if READ not in scopes:
        says = f"the login may not read clients; its scopes: {' '.join(sorted(scopes)) or 'none'}"
        return Check("scopes", Verdict.ERROR, says, f"an administrator of the IAM has to give it {READ}")
    if others := sorted(scopes - {READ, WRITE}):
        fix = f"use a client that has {READ}, and {WRITE} where it applies, and nothing else"
        return warning("scopes", f"the login may do more than iac needs: {' '.join(others)}", fix)
    if WRITE in scopes:
        return ok("scopes", f"may read and write: right for apply; where plans are made use one with {READ} alone")
    return ok("scopes", f"may read: right for plan, drift and secret; apply needs {WRITE}")


def _exposure(actual: Actual) -> Check:
    if not actual.facts.shows_secrets and not actual.facts.has_up_scoping:
        return unknown("exposure", "no client was seen that would tell whether reading shows secrets")
    if not actual.facts.shows_secrets:
        return ok("exposure", "reading shows no client secrets")
    says = f"reading shows the secrets of all {actual.total} clients of this server: a job that plans reads them, too"
    return warning(
        "exposure", says, "let the environment of such jobs ask for approval; from IAM 1.14 on none are shown"
    )


def _clock(skew: float | None) -> Check:
    if skew is None:
        return unknown("clock", "the server does not say its time")
    if words := skew_words(skew):
        return warning("clock", f"{words}: tokens may look expired", "set the clock, as by NTP")
    return ok("clock", f"within {TOLERANCE:g} seconds of the server's")


def state(settings: Settings, backend: StateBackend, deliveries: Deliveries, clock: Clock) -> Iterator[Check]:
    """There, whole, as new as this machine knows, and not locked by a run that is gone."""
    held = backend.load()
    yield ok("state", f"serial {held.serial}, {counted(len(held.clients), 'client')}, {settings.state.place.where}")
    if error := find_newer(deliveries, backend, held):
        yield failed("older-state", error)
    if held.intents:
        says = f"an interrupted run left writes open: {listed(sorted(held.intents))}"
        yield warning("interrupted", says, "iac apply finishes them")
    holder = backend.holder()
    if holder is None:
        yield ok("lock", "free")
    elif holder.expires < clock.now().isoformat(timespec="seconds"):
        says = f"held since {holder.since} by {holder.who}, and over since {holder.expires}"
        yield warning("lock", says, f"be sure that this run is gone, then iac state unlock {holder.run_id}")
    else:
        yield warning(
            "lock", f"held since {holder.since} by {holder.who}", "wait for it, or iac apply --lock-timeout 600"
        )


def encryption(settings: Settings) -> Iterator[Check]:
    """Whether secrets in state are sealed, and to whom."""
    sealing = settings.state
    if sealing.is_clear:
        fix = "name recipients in state.encryption, run iac state rekey, and rotate"
        yield warning("encryption", "none: who reads the state reads every secret", fix)
    elif sealing.recipients:
        yield ok("encryption", f"age, {counted(len(sealing.recipients), 'recipient')}")
    else:
        says = "no recipients are named: nothing can be stored"
        yield Check("encryption", Verdict.ERROR, says, "iac state init makes one, or name some in state.encryption")


def identity(settings: Settings, found: Secret | None) -> Iterator[Check]:
    """Whether secrets can be opened here; that is not needed everywhere."""
    if settings.state.is_clear:
        return
    if found is None:
        yield unknown("identity", "none is here: right for plan and drift; render, and apply of some outputs, need one")
        return
    try:
        own = recipients_of(found)
    except IacError as error:
        yield Check("identity", Verdict.ERROR, error.summary, error.fix)
        return
    if {recipient(key) for key in own} & {recipient(key) for key in settings.state.recipients}:
        yield ok("identity", "opens the secrets in state")
    else:
        says = "the identity that is here is not one of the state's recipients"
        yield warning(
            "identity", says, "right on a host that has clients of its own (recipients); else use another one"
        )
