"""The three kinds of policy rules: on a definition, on a change, and on a client as the server holds it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from iac.core.desired import PolicyTerms
from iac.core.errors import Diagnostic, Location, hit
from iac.core.model import Fields, Registration, members
from iac.core.plan.change import Change
from iac.core.text import printable


class Level(StrEnum):
    """How serious a finding is."""

    OFF = "off"
    WARNING = "warning"
    ERROR = "error"


class Subject:
    """The definition that rules look at: canonical fields, what rules ask for most, the project's terms."""

    __slots__ = ("fields", "grants", "has_owners", "method", "redirects", "scopes", "terms")

    def __init__(self, fields: Fields, terms: PolicyTerms, *, has_owners: bool) -> None:
        self.fields = fields
        self.terms = terms
        self.has_owners = has_owners
        self.grants = members(fields.get("grant_types"))
        self.redirects = members(fields.get("redirect_uris"))
        self.scopes = members(fields.get("scope"))
        self.method = fields.get("token_endpoint_auth_method")


def hits(field_name: str, values: Iterable[str], summary: str) -> list[Diagnostic]:
    """A hit for each of these items of a field; `{}` in the summary is the item."""
    return [hit(field_name, summary.format(value), value) for value in values]


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that policy says.

    Attributes:
        id: stable kebab-case name.
        level: the severity unless iac.yaml says otherwise.
        what: what it finds.
        why: why it matters.
        source: where that is from: an RFC's section, a profile, a recording of a server.
        fix: what to write instead.
        bad: lines of a definition that it finds.
        good: lines that it does not.
    """

    id: str
    level: Level = Level.WARNING
    what: str
    why: str
    source: str
    fix: str
    bad: str
    good: str

    def diagnostic(self, finding: Diagnostic, location: Location) -> Diagnostic:
        """What `check` found, complete: the id, and why and fix where the rule's own apply."""
        fix = printable(finding.fix) or self.fix
        return replace(
            finding, id=self.id, summary=printable(finding.summary), location=location, why=self.why, fix=fix
        )


class DefinitionRule(Rule, frozen=True, kw_only=True):
    """Said of a definition, offline: `check(subject)`.

    Attributes:
        reads: the fields that it looks at; with a mistake in one of them it is left out.
        is_of_iam: it is about what an INDIGO IAM does, and says nothing where the server is another.
        refine: what a server's list of scopes makes of a finding: None when the server knows better.
    """

    reads: frozenset[str]
    is_of_iam: bool = False
    check: Callable[[Subject], Iterable[Diagnostic]]
    refine: Callable[[Diagnostic, Collection[str]], Diagnostic | None] | None = None


class ChangeRule(Rule, frozen=True, kw_only=True):
    """Said of a change to a client that is registered: `check(change)`; `before` is what its examples begin with."""

    check: Callable[[Change], Iterable[Diagnostic]]
    before: str


class RegisteredRule(Rule, frozen=True, kw_only=True):
    """Said of a client as the server holds it, in every plan: `check(registration, day)`; examples are its answers."""

    check: Callable[[Registration, date], Iterable[Diagnostic]]
