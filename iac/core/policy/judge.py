"""From what was found to what is said: severities of the project, waivers of the client. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core.diagnostics import Diagnostic, Severity
from iac.core.policy import RULES, Level, level
from iac.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from iac.core.remark import Remark, Waiver

EXPIRED = "waiver-expired"
UNUSED = "waiver-unused"
_SEVERITIES = {Level.WARNING: Severity.WARNING, Level.ERROR: Severity.ERROR}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one client, and which of its waivers waived something."""

    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[Waiver]


def judge(remarks: Iterable[Remark], waivers: Sequence[Waiver], severities: Mapping[str, str], today: date) -> Verdict:
    """Lay severities and waivers over what was found; a waiver holds up to and with its day, then it is an error."""
    used: set[Waiver] = set()
    said: list[Diagnostic] = []
    for remark in remarks:
        seriousness = level(remark.rule, severities)
        if seriousness is Level.OFF:
            continue
        waivings = [waiver for waiver in waivers if waiver.rule == remark.rule]
        used.update(waivings)
        valid = [waiver for waiver in waivings if today <= waiver.until]
        said.append(_waived(remark, valid[0]) if valid else _said(remark, _SEVERITIES[seriousness]))
    expired = [_expired(waiver) for waiver in waivers if waiver.until < today]
    return Verdict((*said, *expired), frozenset(used))


def _said(remark: Remark, severity: Severity) -> Diagnostic:
    rule = RULES[remark.rule]
    fix = remark.fix or rule.fix
    return Diagnostic(rule.id, printable(remark.summary), remark.location, rule.why, printable(fix), severity)


def _waived(remark: Remark, waiver: Waiver) -> Diagnostic:
    summary = f"{remark.summary}; waived until {waiver.until}: {waiver.reason}"
    return Diagnostic(remark.rule, printable(summary), remark.location, severity=Severity.WAIVED)


def _expired(waiver: Waiver) -> Diagnostic:
    return Diagnostic(
        EXPIRED,
        printable(f"the waiver of {waiver.rule} ended with {waiver.until}"),
        waiver.location,
        printable(f"its reason was: {waiver.reason}"),
        "mend what it waived and take the waiver out, or argue anew for a later day",
    )


def unused(waiver: Waiver, severities: Mapping[str, str]) -> Diagnostic | None:
    """What is said of a waiver that waives nothing; None when the project does not want to hear it."""
    seriousness = Level(severities.get(UNUSED, Level.WARNING))
    if seriousness is Level.OFF:
        return None
    return Diagnostic(
        UNUSED,
        f"the waiver of {waiver.rule} waives nothing",
        waiver.location,
        "nobody would notice what it lets pass later",
        "take it out",
        _SEVERITIES[seriousness],
    )
