"""What the approval of a plan covers: the plan, and what an apply leaves of it. Pure.

State notes which plan was approved last, so that a retry after a partial apply needs no second review. But whoever can
write state could note there what he likes. So the note proves itself: the digests that it lists count only where they
hash to the digest that was approved, and what is left of a succession only where one of them follows from it.
"""

from __future__ import annotations

import json

from iac.core.plan.change import Change, SecretStep
from iac.core.plan.plan import Plan, plan_digest
from iac.core.state.model import Approval


def approve(plan: Plan, at: str) -> Approval:
    """The approval of a plan, as state notes it."""
    seen = {change.address: json.dumps(change.seen, sort_keys=True) for change in plan.changes if _needs_seen(change)}
    return Approval(plan.digest, tuple(change.digest for change in plan.changes), at, seen)


def uncovered(plan: Plan, approval: Approval) -> tuple[Change, ...]:
    """The changes of a plan that are neither in the approved one nor left of it; all, if the approval is not sound."""
    approved = frozenset(approval.changes)
    if plan_digest(plan.issuer, plan.environment, approved) != approval.digest:
        return plan.changes
    return tuple(
        change
        for change in plan.changes
        if change.digest not in approved and not (_may_be_left(change) and _digest_before(change, approval) in approved)
    )


def _needs_seen(change: Change) -> bool:
    return bool(change.leaving) and change.seen is not None


def _may_be_left(change: Change) -> bool:
    """Whether a change only lets predecessors go, as the end of one that was begun."""
    if not change.leaving:
        return False
    is_written = change.desired is not None and not change.fields and change.step is SecretStep.NOTHING
    return change.resumes or change.observed is None or is_written


def _digest_before(change: Change, approval: Approval) -> str:
    """The digest that a change had before it was begun, if what state says was seen then is true."""
    try:
        return change.digest_of(json.loads(approval.seen.get(change.address, "")))
    except (ValueError, RecursionError):
        return ""
