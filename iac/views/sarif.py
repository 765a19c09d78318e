"""SARIF 2.1.0, for code scanning: findings, guards and diagnostics with their places. Pure.

Rules of the format: OASIS SARIF 2.1.0 with errata 01; what GitHub reads of it is a subset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from iac import HOME, __version__
from iac.core.errors import Diagnostic, Location, Severity
from iac.core.explanation import Explanation, IdKind
from iac.core.text import printable
from iac.views.words import fingerprints, from_root, message_parts

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.WAIVED: "note"}
_REFERENCE = f"{HOME}/blob/main/docs/reference"
_PAGES = {
    IdKind.DEFINITION: "policy.md#ID",
    IdKind.CHANGE: "policy.md#ID",
    IdKind.REGISTERED: "policy.md#ID",
    IdKind.MISTAKE: "diagnostics.md#ID",
    IdKind.WARNING: "diagnostics.md#ID",
    IdKind.FINDING: "guards.md#findings-of-a-plan",
    IdKind.GUARD: "guards.md",
    IdKind.SERVER: "server-behaviour.md",
}
"""Where the reference says more about an id."""


def sarif_log(
    jobs: Mapping[str, Sequence[Diagnostic]], directory: str, known: Mapping[str, Explanation]
) -> dict[str, Any]:
    """A log with a run for each job.

    Args:
        jobs: results in their order, by what tells a run from others of the same commit: `validate`, or
            `plan/ENVIRONMENT`.
        directory: the project's, as seen from the repository's root.
        known: what is known of ids, for the rules that the results refer to.
    """
    runs = [_run(job, diagnostics, directory, known) for job, diagnostics in jobs.items()]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}


def _run(
    job: str, diagnostics: Sequence[Diagnostic], directory: str, known: Mapping[str, Explanation]
) -> dict[str, Any]:
    rules = {diagnostic.id: _rule(diagnostic, known.get(diagnostic.id)) for diagnostic in diagnostics}
    places = {name: index for index, name in enumerate(rules)}
    results = [
        {
            "ruleId": diagnostic.id,
            "level": _LEVELS[diagnostic.severity],
            "message": {"text": "\n".join(map(_inert, message_parts(diagnostic, "Fix")))},
            "locations": [_place(diagnostic.location or Location("iac.yaml"), directory)],
            "suppressions": [{"kind": "inSource"}] if diagnostic.severity is Severity.WAIVED else [],
            "ruleIndex": places[diagnostic.id],
            "partialFingerprints": {"iac/v1": known},
        }
        for diagnostic, known in zip(diagnostics, fingerprints(diagnostics), strict=True)
    ]
    driver = {"name": "iac", "semanticVersion": __version__, "informationUri": HOME, "rules": list(rules.values())}
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"iac/{printable(job)}/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }


def _rule(diagnostic: Diagnostic, known: Explanation | None) -> dict[str, Any]:
    rule = {
        "id": diagnostic.id,
        "shortDescription": {"text": diagnostic.id.replace("-", " ").capitalize()},
        "help": {"text": _inert(f"iac explain {diagnostic.id}")},
        "helpUri": f"{_REFERENCE}/diagnostics.md",
        "defaultConfiguration": {"level": _LEVELS[diagnostic.severity]},
    }
    return rule if known is None else {**rule, **_explained(known)}


def _explained(known: Explanation) -> dict[str, Any]:
    parts = (known.what, known.why, known.source and f"Source: {known.source}", known.fix and f"Fix: {known.fix}")
    return {
        "fullDescription": {"text": _inert(known.what)},
        "help": {"text": "\n".join(_inert(part) for part in parts if part)},
        "helpUri": f"{_REFERENCE}/{_PAGES[known.kind]}".replace("ID", known.id),
    }


def _place(location: Location, directory: str) -> dict[str, Any]:
    path = from_root(directory, location.file)
    region = {"startLine": location.line, "startColumn": location.column}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(path, safe="/")}, "region": region}}


def _inert(text: str) -> str:
    """No placeholder (3.11.5: braces are doubled), and no link (3.11.6: `[text](target)`, parted by a space)."""
    return printable(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
