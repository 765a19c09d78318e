"""Who can open secrets, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.views.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.plan import Plan
    from iac.core.recipients import Recipients

_MOST = 5
"""Addresses that are named where the same is said of many."""


def sealing(who: Recipients) -> str:
    """What becomes of a secret whose recipients change."""
    if who.is_clear:
        return "stored in clear, for all who can read the state: encryption: none"
    return "apply seals it anew" if who.is_sealed else "it stays sealed as it is until iac state rekey"


def recipient_lines(plan: Plan) -> Iterator[str]:
    """What is to be known of clients without a change; what is the same for many is said once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for address, who in plan.recipients.items():
        keys = [f"+ {key} " for key in who.added] + [f"- {key} " for key in who.removed]
        groups.setdefault(("".join(keys), sealing(who)), []).append(address)
    for (who_moves, end), addresses in groups.items():
        more = f" and {counted(len(addresses) - _MOST, 'other')}" if len(addresses) > _MOST else ""
        yield f"{', '.join(addresses[:_MOST])}{more}: {who_moves}({end})"
