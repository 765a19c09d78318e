"""Secrets that have reached the age of `lifecycle.rotate_after`: proposed, and done when a run is asked to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.age import due, duration
from iac.core.change import Finding, SecretChange
from iac.core.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.planning.draft import Draft

_RENEWED = frozenset({SecretChange.CREATED, SecretChange.ROTATED, SecretChange.ERASED})


def find_due(draft: Draft) -> Iterator[Finding]:
    """A finding for each secret that is due and that this plan does not renew. It is no change."""
    for client in draft.desired.clients.values():
        last, change = draft.state.clients.get(client.address), draft.changes.get(client.address)
        is_renewed = change is not None and change.secret in _RENEWED
        if last is None or is_renewed or not draft.options.wants(client.address):
            continue
        overdue = due(client, last, draft.options.now)
        if overdue is not None:
            age = duration(client.lifecycle.rotate_after or 0)
            counted = ", counted from when the client was taken over" if overdue.is_counted_from_taking_over else ""
            message = (
                f"the secret of {client.address} is due for rotation since {overdue.since}"
                f" (rotate_after {age}{counted}); fix: iac apply --rotate-due"
            )
            yield Finding("rotation-due", Severity.WARNING, message, client.location)
