"""A plan as a list of a wiki. Pure."""

from __future__ import annotations

from iac.core.plan.plan import Plan
from iac.core.text import printable


def plan_wiki(plan: Plan) -> str:
    """A line for each change."""
    return "".join(printable(f"* {change.action} {change.address}") + "\n" for change in plan.changes) or "* nothing\n"
