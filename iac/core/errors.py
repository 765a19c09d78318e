"""What is wrong or worth knowing: the one message of iac, and every error that a user can meet, in one tree. Pure.

YAML, schema, policy, server rules, guards and git all make the message; no part of it is ever written into another.
Views choose the parts that they show. Only the CLI maps errors to exit codes.

IacError
+-- InputError           what the user wrote or configured is wrong       (exit 1)
|   +-- DeclinedError    the answer to iac's question was no
|   +-- InvalidInput     with one diagnostic for each mistake, all at once
|   +-- StateError       missing, foreign, newer or damaged state
|   |   +-- MissingStateError  there is none, so it may be brought back
|   |   `-- ClosedSecretError  a secret that the identity at hand does not open
|   `-- RenderError      a template or an output cannot be rendered or written
+-- UnsafePlan           a guard or policy refuses the plan               (exit 3)
+-- StalePlan            the plan is not the one that was approved        (exit 4)
+-- PartialApply         some changes failed                              (exit 5)
+-- UnreachableError     server or backend unreachable, or login refused  (exit 6)
|   +-- GarbledError     the answer about one client makes no sense
|   +-- CredentialsError the server refuses who we are or what we may do
|   `-- LockedError      somebody else holds the state's lock
`-- ServerError          the server's own "no" to one request
    +-- OwnersError      the client is as it was wanted, one of its owners is refused
    `-- UnknownOutcome   a write was sent and no usable answer came back
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct, field

from iac.core.model import Registration
from iac.core.text import ALIKE, MESSAGES, bounded, grouped, listed


class Severity(StrEnum):
    """An error stops. A warning is shown. A waived finding is shown with its reason and has no effect."""

    ERROR = "error"
    WARNING = "warning"
    WAIVED = "waived"


class Location(NamedTuple):
    """A place in a file of the project: path relative to the project, line and column counted from 1.

    A tuple, for there is one for each value of each definition.
    """

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"file": self.file, "line": self.line, "column": self.column}


class Diagnostic(Struct, frozen=True):
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
    details: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.id, self.summary, self.location, self.where))

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


class IacError(Exception):
    """An error with a next step.

    Args:
        summary: one constant sentence: what went wrong.
        where: the file, setting, address or URL it is about; "" when there is none.
        why: why it matters, or the other side's words; "" when the summary says it.
        fix: the command to run or the key to set; "" when nothing can be done here.
    """

    def __init__(self, summary: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(summary)
        self.summary = bounded(summary)
        self.where = bounded(where)
        self.why = bounded(why)
        self.fix = bounded(fix)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, a key for each part."""
        return {"summary": self.summary, "where": self.where, "why": self.why, "fix": self.fix}

    def lines(self) -> list[str]:
        """The message, a line each: summary, where, why, fix."""
        head = f"{self.summary}: {self.where}" if self.where else self.summary
        return [head, *([self.why] if self.why else []), *([f"fix: {self.fix}"] if self.fix else [])]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class InputError(IacError):
    """What the user wrote or configured is wrong."""


class DeclinedError(InputError):
    """The person at the terminal answered no. This is not a mistake: views show its summary alone."""


class InvalidInput(InputError):
    """Definitions or settings are invalid; carries one diagnostic for each mistake."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        count = len(diagnostics)
        super().__init__(f"{count} mistake{'' if count == 1 else 's'} in the configuration")
        self.diagnostics = tuple(diagnostics)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, with every mistake."""
        return {**super().to_dict(), "diagnostics": [diagnostic.to_dict() for diagnostic in self.diagnostics]}

    def lines(self) -> list[str]:
        """The diagnostics as people are told them, then the count."""
        return [*message_lines(self.diagnostics), self.summary]


class StateError(InputError):
    """State is missing, foreign, newer than this program, or damaged. It is never taken for empty."""


class MissingStateError(StateError):
    """There is no state where it should be."""


class ClosedSecretError(StateError):
    """The identity at hand does not open a secret; `addresses` are the clients concerned."""

    def __init__(self, summary: str, addresses: Sequence[str], *, why: str = "", fix: str = "") -> None:
        super().__init__(summary, where=listed(addresses), why=why, fix=fix)
        self.addresses = tuple(addresses)


class RenderError(InputError):
    """A template or an output cannot be rendered or written; `location` is the line of a template, if it is known."""

    def __init__(
        self, summary: str, *, location: Location | None = None, where: str = "", why: str = "", fix: str = ""
    ) -> None:
        place = f"{location.file}:{location.line}" if location else where
        super().__init__(summary, where=place, why=why, fix=fix)
        self.location = location


class UnsafePlan(IacError):
    """A guard or policy refuses the plan; nothing was sent."""


class StalePlan(IacError):
    """What would be done now is not what was approved; nothing was sent."""


class PartialApply(IacError):
    """Some changes were made and some were not; the report says which."""


class UnreachableError(IacError):
    """Server or backend cannot be reached, or gave no sense.

    `sent` is whether any byte of the request had left when it failed, as far as the transport raised it: always False
    for a write, since a write of which a byte was sent is an `UnknownOutcome`; either for a read.
    """

    def __init__(self, summary: str, *, sent: bool = False, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(summary, where=where, why=why, fix=fix)
        self.sent = sent


class GarbledError(UnreachableError):
    """The answer about one client could not be understood. `partial` is what could be: perhaps with a new token."""

    partial: Registration | None = None


class CredentialsError(UnreachableError):
    """The server refuses who we are or what we may do."""


class LockedError(UnreachableError):
    """Somebody else holds the state's lock."""


class ServerError(IacError):
    """The server's own "no" to one request. `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, summary: str, *, status: int = 0, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(summary, where=where, why=why, fix=fix)
        self.status = status


class OwnersError(ServerError):
    """The client itself is as it was wanted, and the server refused one of its owners."""


class UnknownOutcome(ServerError):
    """A write was sent and no usable answer came back: the effect must be read back, never sent again blindly.

    `partial` is what could be understood of the answer, where it was about the right client: its secret and its token
    may be nowhere else.
    """

    partial: Registration | None = None
    sent = True
    """At least one byte of the write was sent; see `UnreachableError`, which has the same attribute."""
