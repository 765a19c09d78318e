"""What a plan has to say beside its changes, as diagnostics: the shape in which machines are told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.diagnostics import Diagnostic, Severity
from iac.core.limits import listed

if TYPE_CHECKING:
    from iac.core.diagnostics import Location
    from iac.core.plan.change import Change, Finding
    from iac.core.plan.plan import Guard, Plan


def remarks(plan: Plan) -> tuple[Diagnostic, ...]:
    """All of a plan: its guards, what is said of its changes, what is said of it as a whole."""
    of_changes = (said for change in plan.changes for said in change_remarks(change))
    return (*guard_remarks(plan), *of_changes, *plan_remarks(plan))


def guard_remarks(plan: Plan) -> tuple[Diagnostic, ...]:
    """Guards: errors, for apply refuses the plan. Each at its own place, else at that of a change that it is about."""
    places = {change.address: change.location for change in plan.changes if change.location}
    return tuple(
        _of_guard(guard, guard.location or next((places[name] for name in guard.addresses if name in places), None))
        for guard in plan.guards
    )


def change_remarks(change: Change) -> tuple[Diagnostic, ...]:
    """Findings of a change: where their cause stands, else at its place."""
    return tuple(_of_finding(finding, change.location, f"{change.address}: ") for finding in change.findings)


def plan_remarks(plan: Plan) -> tuple[Diagnostic, ...]:
    """Findings of the plan as a whole."""
    return tuple(_of_finding(finding, None, "") for finding in plan.findings)


def _of_guard(guard: Guard, place: Location | None) -> Diagnostic:
    why = f"limit {guard.limit}, found {guard.value}: {listed(guard.addresses)}" if guard.limit else ""
    fix = ", or ".join(way for way in (guard.setting, guard.flag) if way)
    return Diagnostic(guard.id, guard.message, place, why, fix, Severity.ERROR)


def _of_finding(finding: Finding, place: Location | None, about: str) -> Diagnostic:
    return Diagnostic(finding.id, f"{about}{finding.message}", finding.location or place, severity=finding.severity)
