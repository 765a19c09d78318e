"""What is wrong with what somebody wrote, and where. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error stops; a warning is said; what is waived is said too, with the reason, and counts for nothing."""

    ERROR = "error"
    WARNING = "warning"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file of the project: path relative to the project, line and column counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake.

    Attributes:
        id: stable kebab-case name, documented in docs/reference/diagnostics.md (`iac explain ID`).
        summary: what, one line, with the value concerned (never a secret).
        location: where; None when no file is concerned.
        why: why it matters; "" when the summary says it.
        fix: what to write or run instead; "" when unknown.
    """

    id: str
    summary: str
    location: Location | None = None
    why: str = ""
    fix: str = ""
    severity: Severity = Severity.ERROR

    def lines(self) -> list[str]:
        """`file:line:column: severity: summary [id]`, then why and fix, indented."""
        place = f"{self.location}: " if self.location else ""
        head = f"{place}{self.severity}: {self.summary} [{self.id}]"
        return [head, *([f"  {self.why}"] if self.why else []), *([f"  fix: {self.fix}"] if self.fix else [])]

    def to_dict(self) -> dict[str, object]:
        """JSON form, snake_case."""
        return {
            "id": self.id,
            "severity": str(self.severity),
            "summary": self.summary,
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "column": self.location.column if self.location else None,
            "why": self.why,
            "fix": self.fix,
        }


def sort_key(diagnostic: Diagnostic) -> tuple[Location, str, str]:
    """Order of a report: by place, then id, then text."""
    return diagnostic.location or Location("", 0, 0), diagnostic.id, diagnostic.summary
