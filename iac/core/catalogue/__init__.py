"""Ids of configuration and of what only a plan finds: their texts by section, and the maker of such a diagnostic. Pure.

Ids of policy and of servers stand with their rules (`iac.core.policy`, `iac.core.server`), those of guards with the
guards (`iac.core.plan.guards`). `iac.workflow.explain` gathers all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from iac.core.catalogue import client, project
from iac.core.errors import Diagnostic, Location, Severity
from iac.core.explanation import Explanation, IdKind
from iac.core.text import bounded, printable

SECTIONS: Mapping[str, tuple[Explanation, ...]] = {
    "Files": project.FILES,
    "YAML": project.YAML,
    "Keys and values": project.KEYS,
    "The project": project.PROJECT,
    "Where state lives": project.STATE,
    "Addresses": project.ADDRESSES,
    "Definitions": client.DEFINITIONS,
    "Outputs": project.OUTPUTS,
    "Findings of a plan": client.FINDINGS,
    "Warnings": client.WARNINGS,
}
"""The sections of docs/reference/diagnostics.md."""

CATALOGUE: Mapping[str, Explanation] = {entry.id: entry for section in SECTIONS.values() for entry in section}
_SEVERITIES = {IdKind.MISTAKE: Severity.ERROR, IdKind.WARNING: Severity.WARNING}


def mistake(rule: str, summary: str, location: Location | None, *, why: str = "", fix: str = "") -> Diagnostic:
    """A diagnostic of the catalogue, its text made safe to show.

    Raises:
        KeyError: no such id, or that of a finding, which is a fault of the caller.
    """
    headline, reason, next_step = (bounded(printable(text)) for text in (summary, why, fix))
    return Diagnostic(rule, headline, location, reason, next_step, _SEVERITIES[CATALOGUE[rule].kind])
