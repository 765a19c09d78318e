"""The one message of iac: what is wrong or worth knowing, about what, where, why, and what fixes it. Pure.

YAML, schema, policy, server rules, guards and git all make it; no part of it is ever written into another. Views choose
the parts that they show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from iac.core.text import ALIKE, MESSAGES, grouped, listed


class Severity(StrEnum):
    """An error stops. A warning is shown. A waived finding is shown with its reason and has no effect."""

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

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"file": self.file, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message.

    Attributes:
        id: stable kebab-case name (`iac explain ID`).
        summary: what, one line, with the value concerned (never a secret).
        location: the line that causes it; None when no file does.
        why: why it matters; "" when the summary says it.
        fix: what to write or run instead; "" when unknown.
        where: the address, setting or URL that it is about; "" when the summary or the location says it.
        details: the same for machines: `field` and `value` concerned; of a guard also `addresses`, `limit`, `setting`
            and `flag`.
    """

    id: str
    summary: str
    location: Location | None = None
    why: str = ""
    fix: str = ""
    severity: Severity = Severity.ERROR
    where: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def headline(self) -> str:
        """What it is about, and what."""
        return f"{self.where}: {self.summary}" if self.where else self.summary

    def lines(self) -> list[str]:
        """`file:line:column: severity: where: summary [id]`, then why and fix, indented."""
        place = f"{self.location}: " if self.location else ""
        head = f"{place}{self.severity}: {self.headline} [{self.id}]"
        return [head, *([f"  {self.why}"] if self.why else []), *([f"  fix: {self.fix}"] if self.fix else [])]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, snake_case."""
        return {
            "id": self.id,
            "severity": str(self.severity),
            "summary": self.summary,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
            "location": self.location.to_dict() if self.location else None,
            **self.details,
        }


def hit(field_name: str, summary: str, value: str = "", fix: str = "") -> Diagnostic:
    """What a rule found in a field, or in the item `value` of it; `fix` where there is a better one than the rule's.

    The rule makes it whole: its id, its severity, its why.
    """
    return Diagnostic("", summary, fix=fix, severity=Severity.WARNING, details={"field": field_name, "value": value})


def message_groups(diagnostics: Iterable[Diagnostic]) -> list[tuple[Severity, list[str]]]:
    """Diagnostics for people, each severity with its lines: what is said of many places once, long lists cut.

    When not all can be shown, errors are shown first. `--format json` has all; the last lines say how many are hidden.
    """
    messages: list[Sequence[Diagnostic]] = []
    hidden: list[Diagnostic] = []
    kinds: Counter[tuple[str, str]] = Counter()
    for group in grouped(diagnostics, _message_key):
        for message in [group] if len(group) > ALIKE else [[diagnostic] for diagnostic in group]:
            kinds[_kind(message[0])] += 1
            if kinds[_kind(message[0])] <= ALIKE:
                messages.append(message)
            else:
                hidden += message
    order = sorted(range(len(messages)), key=lambda index: messages[index][0].severity is not Severity.ERROR)
    hidden += [diagnostic for index in order[MESSAGES:] for diagnostic in messages[index]]
    groups = [(messages[index][0].severity, _lines(messages[index])) for index in sorted(order[:MESSAGES])]
    if hidden:
        counts = Counter(f"{file} {name}".strip() for file, name in map(_kind, hidden))
        more = listed(f"{kind} ({count:,})" for kind, count in counts.items())
        summary = f"and {len(hidden):,} more: {more}; iac validate --format json shows all"
        groups.append((Severity.WAIVED, [summary]))
    return groups


def message_lines(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """The lines of `message_groups`."""
    return [line for _, lines in message_groups(diagnostics) for line in lines]


def _message_key(diagnostic: Diagnostic) -> tuple[str, ...]:
    return diagnostic.id, diagnostic.severity, diagnostic.headline, diagnostic.why, diagnostic.fix


def _kind(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.location.file if diagnostic.location else "", diagnostic.id


def _lines(message: Sequence[Diagnostic]) -> list[str]:
    lines = message[0].lines()
    if len(message) > 1:
        places = listed(diagnostic.location for diagnostic in message[1:] if diagnostic.location)
        lines.append(f"  the same at {len(message) - 1:,} more places: {places}")
    return lines


def sort_key(diagnostic: Diagnostic) -> tuple[Location, str, str]:
    """Order of a report: by place, then id, then text."""
    return diagnostic.location or Location("", 0, 0), diagnostic.id, diagnostic.summary
