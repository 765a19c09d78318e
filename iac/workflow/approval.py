"""Whether a plan is the one that was approved, by its digest or by the file that it was saved in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.approval import uncovered
from iac.core.errors import StalePlan
from iac.core.limits import listed
from iac.core.saved import differences

if TYPE_CHECKING:
    from iac.core.plan import Plan
    from iac.core.saved import SavedPlan
    from iac.core.state import Approval

_REVIEW = "review the new plan and approve it"


def check_expected(plan: Plan, noted: Approval | None, expected: str) -> None:
    """Stop unless the plan is the approved one, or a rest of it.

    Args:
        plan: what would be done.
        noted: the approval that state notes.
        expected: the digest that was approved.

    Raises:
        StalePlan: naming the addresses whose change is not what was approved.
    """
    if plan.digest == expected or plan.is_empty:
        return
    others = uncovered(plan, noted) if noted is not None and noted.digest == expected else plan.changes
    if others:
        raise StalePlan(
            "the plan is not the one that was approved, nothing was sent",
            where=listed(change.address for change in others),
            why=f"approved {expected}, now {plan.digest}",
            fix=_REVIEW,
        )


def check_saved(plan: Plan, saved: SavedPlan) -> None:
    """Stop unless the text of a saved plan, which is what people read, says what would be done.

    Raises:
        StalePlan: naming address and key, with what the file says and what the new plan says.
    """
    found = list(differences(plan, saved))
    if found:
        places = [f"{each.address}: {each.key}" for each in found]
        told = [f"{each.key}: the file says {each.saved}, the new plan {each.now}" for each in found]
        raise StalePlan(
            "the saved plan does not say what would be done, nothing was sent",
            where=listed(places),
            why=listed(told, "; "),
            fix=_REVIEW,
        )
