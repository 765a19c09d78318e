"""What forges read: GitHub's annotations in the files of a request; GitLab's counts of a plan, and code quality. Pure.

Escaping of GitHub's commands is that of actions/toolkit (packages/core/src/command.ts), which actions/runner undoes.
GitLab takes its two from a job's artifacts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from iac.core.errors import Diagnostic, Location, Severity
from iac.core.plan.change import Action
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.words import fingerprints, from_root, message_parts

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.WAIVED: "notice"}


def workflow_commands(diagnostics: Iterable[Diagnostic], directory: str) -> str:
    """One line a diagnostic: `::error file=..,line=..,col=..,title=..::message`.

    Args:
        diagnostics: what is to be said, in this order; GitHub shows the first ten errors and warnings of a step.
        directory: the project's, from where the command was started; GitHub knows files from the repository's root.
    """
    return "".join(f"{_command(diagnostic, directory)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, directory: str) -> str:
    message = "%0A".join(_data(part) for part in message_parts(diagnostic, "fix"))
    title = f"title={_property(diagnostic.id)}"
    command, place = _COMMANDS[diagnostic.severity], diagnostic.location
    if place is None:
        return f"::{command} {title}::{message}"
    file = _property(from_root(directory, place.file))
    return f"::{command} file={file},line={place.line},col={place.column},{title}::{message}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


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
