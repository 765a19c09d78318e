"""The issue that the job of every night keeps: drift, secrets, and clients whose grace time is over. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iac.core.drift import Drift
from iac.core.plan.plan import Plan
from iac.core.text import listed, printable
from iac.views.drift import drift_markdown
from iac.views.markdown import finding_entry
from iac.views.words import CharacterBudget, code

SECRETS = frozenset({"rotation-due", "secret-expires", "secret-unknown", "sealed-to-others"})
"""Ids of findings on secrets that somebody has to do something about."""


def nightly_title(drift: Drift, plan: Plan) -> str:
    """The title of the issue."""
    if drift.clients:
        return "Clients were changed on the server"
    return "Secrets need attention" if list(_secrets(plan)) else "Replaced clients"


def nightly_markdown(drift: Drift, plan: Plan, outcome: str, budget: int) -> str:
    """The body of the issue; "" when there is nothing to say.

    Args:
        drift: what was changed on the server.
        plan: what an apply would do; `predecessors` that are due are told.
        outcome: what became of those that are due, in words.
        budget: most characters.
    """
    secrets, graces = list(_secrets(plan)), list(_graces(plan, outcome))
    if not (drift.clients or secrets or graces):
        return ""
    room = CharacterBudget(budget // 2)
    parts = [drift_markdown(drift, budget // 2)]
    for title, entries in (("#### Secrets", secrets), ("#### Replaced clients", graces)):
        lines, _ = room.section(title, entries, most=budget // 4)
        parts += ["\n".join(lines)] if lines else []
    return "\n".join(parts)


def _secrets(plan: Plan) -> Iterator[str]:
    for finding in plan.diagnostics:
        if finding.id in SECRETS:
            yield finding_entry(finding, finding.where)
    for address, who in plan.recipients.items():
        if who.removed:
            head = f"- {code(address)}: former recipients can open the secret: {listed(map(code, who.removed))}"
            yield f"{head}\n  - fix: {code('iac state rekey')}, then {code(f'iac rotate {address}')}"


def _graces(plan: Plan, outcome: str) -> Iterator[str]:
    for standing in plan.predecessors:
        if standing.is_due:
            became = printable(outcome) if standing.address in plan.grace_ends else "the next apply there deletes it"
            yield (
                f"- {code(standing.address)}: the grace time of {code(standing.client_id)}, the predecessor of "
                f"{code(standing.successor)}, is over: {became}"
            )
