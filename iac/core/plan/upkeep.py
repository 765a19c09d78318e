"""Secrets that are due: older than `lifecycle.rotate_after`, or sealed to other recipients than those named. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from iac.core.desired import DesiredClient
from iac.core.diagnostics import Diagnostic, Severity
from iac.core.model import uses_secret
from iac.core.plan.change import Recipients, SecretChange, SecretStep, compare_recipients
from iac.core.plan.draft import Draft
from iac.core.rotation import due, duration
from iac.core.state.model import SealedSecret

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
                client.at("lifecycle.rotate_after"),
                f"{age}{counted}",
                "iac apply --rotate-due",
                Severity.WARNING,
                client.address,
                {"field": "lifecycle.rotate_after"},
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
            fix = f"iac secret set {address}; if there is none, register another client under another address"
            yield _about_secret(client, "secret-unknown", "iac knows no secret of the client", fix)


def _about_secret(client: DesiredClient, rule: str, summary: str, fix: str) -> Diagnostic:
    name = "token_endpoint_auth_method"
    details = {"field": name}
    return Diagnostic(rule, summary, client.at(name), "", fix, Severity.WARNING, client.address, details)


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
        if not draft.options.wants(address) or not (secrets or _gets_secret(draft, address)):
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
