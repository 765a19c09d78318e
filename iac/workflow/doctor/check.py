"""One thing that was looked at, and what was found. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from iac.core.errors import IacError, InvalidInput


class Verdict(StrEnum):
    """How it stands. `unknown`: it could not be looked at, or need not be there."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one thing.

    Attributes:
        id: stable kebab-case name of what was looked at (docs/reference/doctor.md).
        says: one sentence.
        fix: what to do; "" when there is nothing to do.
    """

    id: str
    verdict: Verdict
    says: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON form."""
        return {"id": self.id, "verdict": str(self.verdict), "says": self.says, "fix": self.fix}


def ok(name: str, says: str) -> Check:
    """All is well."""
    return Check(name, Verdict.OK, says)


def warning(name: str, says: str, fix: str) -> Check:
    """It works, and somebody should know something."""
    return Check(name, Verdict.WARNING, says, fix)


def unknown(name: str, says: str, fix: str = "") -> Check:
    """It could not be looked at, or is not needed here."""
    return Check(name, Verdict.UNKNOWN, says, fix)


def failed(name: str, error: IacError) -> Check:
    """An error as a check."""
    if isinstance(error, InvalidInput):
        return Check(name, Verdict.ERROR, error.summary, "iac validate says each, with its place")
    says = "; ".join(part for part in (error.summary, error.where, error.why) if part)
    return Check(name, Verdict.ERROR, says, error.fix)
