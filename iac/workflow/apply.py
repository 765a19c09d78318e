"""What a plan has to pass before `iac.apply.run.apply_plan` carries it out: guards, and what was approved."""

from __future__ import annotations

from iac.core.errors import StalePlan, UnsafePlan
from iac.core.limits import listed
from iac.core.plan.approval import SavedPlan, differences, uncovered
from iac.core.plan.plan import Plan
from iac.core.state.model import Approval

_REVIEW = "review the new plan and approve it"


def check_guards(plan: Plan) -> None:
    """Refuse a plan that a guard refuses, or policy.

    Raises:
        UnsafePlan: with what they say; the plan has been shown before.
    """
    if plan.refusals:
        said = listed((f"{refusal.headline} [{refusal.id}]" for refusal in plan.refusals), "; ")
        raise UnsafePlan("the plan is refused, nothing was sent", why=said, fix="see the plan above: each has its fix")


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
    differing = list(differences(plan, saved))
    if differing:
        places = [f"{one.address}: {one.key}" for one in differing]
        told = [f"{one.key}: the file says {one.saved}, the new plan {one.now}" for one in differing]
        raise StalePlan(
            "the saved plan does not say what would be done, nothing was sent",
            where=listed(places),
            why=listed(told, "; "),
            fix=_REVIEW,
        )
