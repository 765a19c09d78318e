"""What GitLab reads from a job's artifacts: counts of a plan, and code quality. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from iac.core.errors import Diagnostic, Location, Severity
from iac.core.plan.change import Action
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.words import fingerprints, from_root, message_parts

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.WAIVED: "info"}
_COUNTED = {
    "create": (Action.CREATE, Action.REPLACE),
    "update": (Action.UPDATE, Action.ADOPT, Action.ROTATE),
    "delete": (Action.DELETE, Action.REPLACE),
}


def plan_counts(plans: Sequence[Plan]) -> dict[str, int]:
    """For `artifacts:reports:terraform`: create, update, delete.

    A replaced client counts as created and as deleted, as in Terraform; a forgotten one stays as it is and counts
    nowhere.
    """
    counts = Counter(change.action for plan in plans for change in plan.changes)
    return {name: sum(counts[action] for action in actions) for name, actions in _COUNTED.items()}


def code_quality(diagnostics: Sequence[Diagnostic], directory: str) -> list[dict[str, Any]]:
    """For `artifacts:reports:codequality`: one entry a diagnostic, its file as seen from the repository's root."""
    return [
        {
            "description": printable(" - ".join(message_parts(diagnostic, "fix"))),
            "check_name": diagnostic.id,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[diagnostic.severity],
            "location": {"path": from_root(directory, place.file), "lines": {"begin": place.line}},
        }
        for diagnostic, fingerprint in zip(diagnostics, fingerprints(diagnostics), strict=True)
        for place in [diagnostic.location or Location("iac.yaml")]
    ]
