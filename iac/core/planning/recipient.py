"""Secrets that are sealed to others than their definition names. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.change import Finding, SecretStep
from iac.core.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from iac.core.planning.draft import Draft
    from iac.core.state import SealedSecret

SEALED_OTHERWISE = "sealed-to-others"
"""Id of the finding."""


def find_sealed_otherwise(draft: Draft, moves: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """A finding for each secret of state whose recipients are not those of its definition. It is no change.

    What a plan seals anyway, because the secret is new or its address is, is sealed to the recipients of now.
    """
    moved = {target for _, target in moves}
    for address, client in draft.desired.clients.items():
        if not draft.options.wants(address) or address in moved:
            continue
        wanted = set(client.recipients)
        if any(set(secret.recipients) != wanted for secret in _kept(draft, address)):
            message = (
                f"{client.location}: the secret of {address} is sealed to other recipients than its definition names;"
                " fix: iac state rekey"
            )
            yield Finding(SEALED_OTHERWISE, Severity.WARNING, message)


def _kept(draft: Draft, address: str) -> Iterator[SealedSecret]:
    """Secrets and private keys of an address that stay sealed as they are."""
    held = draft.state.clients.get(address) or draft.state.intents.get(address)
    if held is not None and held.secret is not None and not _gets_secret(draft, address):
        yield held.secret
    yield from (key.private for key in draft.state.keys.get(address, ()))


def _gets_secret(draft: Draft, address: str) -> bool:
    change = draft.changes.get(address)
    return change is not None and change.step is not SecretStep.NOTHING
