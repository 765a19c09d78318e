"""Whether a plan is the one that was approved, and whether the state is as new as this machine knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.diagnostics import Severity
from iac.core.errors import StalePlan, StateError
from iac.core.limits import listed
from iac.core.plan.approval import uncovered
from iac.core.plan.change import Finding
from iac.core.plan.saved import differences

if TYPE_CHECKING:
    from iac.core.plan.plan import Plan
    from iac.core.plan.saved import SavedPlan
    from iac.core.state.model import Approval, State
    from iac.ports import Deliveries, StateBackend
    from iac.session.session import LocalSession


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


FLAG = "--accept-older-state"


def check_serial(session: LocalSession, state: State) -> None:
    """Refuse a state that is older than an output or a journal of this machine, unless the run accepts it.

    An older state holds secrets that may be dead since: nothing is written from it by mistake.

    Raises:
        StateError: it is older; names both serials.
    """
    if session.accepts_older_state:
        session.deliveries.accept(state.serial)
        session.deliveries.save()
    elif error := find_newer(session.deliveries, session.backend, state):
        raise error


def find_newer(deliveries: Deliveries, backend: StateBackend, state: State) -> StateError | None:
    """The error for a state that is older than an output or a journal of this machine; None when nothing is newer."""
    output, serial = deliveries.newest()
    source = f"{output} was written from"
    copy, copied = backend.newest_copy()
    if copied > serial:
        source, serial = f"{copy} names", copied
    if serial <= state.serial:
        return None
    return StateError(
        "the state is older than what this machine has seen, so nothing is written",
        where=f"serial {state.serial}",
        why=f"{source} serial {serial}; secrets in an older state may have been replaced since",
        fix=f"put the newest state back (iac state push COPY), or go on from this one with {FLAG}",
    )


def older_state(session: LocalSession, state: State) -> tuple[Finding, ...]:
    """What a plan says of a state from which apply would write nothing."""
    error = find_newer(session.deliveries, session.backend, state)
    if error is None or session.accepts_older_state:
        return ()
    message = f"{error.summary}: {error.where}, but {error.why}; fix: {error.fix}"
    return (Finding("older-state", Severity.WARNING, message),)
