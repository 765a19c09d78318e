"""The plan is a value: what would be done, why, and whether it may be. Pure.

JSON form: schemas/plan.schema.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iac.core.capabilities import Capabilities
from iac.core.desired import OutputSpec
from iac.core.diagnostics import Diagnostic, Severity
from iac.core.plan.change import Action, Change, FieldChange, Recipients, sha256

FORMAT_VERSION = "1.1"

DIGEST_VERSION = "1.0"
"""Of what is hashed, apart from the document's: a plan that was approved stays approved when its form gains keys."""


@dataclass(frozen=True, slots=True)
class ReleasedFields:
    """Fields of an address that are no longer declared: the server keeps their values, nothing is done."""

    address: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakenOverFields:
    """What the definition of an address and the server both have since the last apply; only state has to learn it.

    Attributes:
        fields: `before` is what was applied, `after` what both have.
    """

    address: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class StandingPredecessor:
    """A client that another one has taken the place of, and that is still registered.

    Attributes:
        successor: the client_id that its address has now.
        until: when an apply deletes it, RFC 3339 UTC; "" as long as the outputs of its successor are not written.
        is_due: whether this plan deletes it.
    """

    address: str
    client_id: str
    successor: str
    until: str
    is_due: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "address": self.address,
            "client_id": self.client_id,
            "successor": self.successor,
            "until": self.until or None,
            "due": self.is_due,
        }

    def words(self) -> str:
        """What becomes of it, in words."""
        head = f"{self.client_id}, the predecessor of {self.successor},"
        if self.is_due:
            return f"{head} is deleted by this plan"
        if not self.until:
            return f"{head} stays until the outputs of {self.address} are written"
        return f"{head} will be deleted by an apply after {self.until}"


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """A write of the last run whose end is not known."""

    address: str
    client_id: str
    action: str
    at: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done to one environment.

    Attributes:
        recipients: by address, who can open the secrets of clients that have no change, where that is not as wanted.
    """

    project: str
    environment: str
    issuer: str
    api: Capabilities
    changes: tuple[Change, ...] = ()
    no_op: int = 0
    unmanaged: int = 0
    guards: tuple[Diagnostic, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    released: tuple[ReleasedFields, ...] = ()
    taken_over: tuple[TakenOverFields, ...] = ()
    pending: tuple[PendingWrite, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    predecessors: tuple[StandingPredecessor, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    complete: bool = True
    recipients: Mapping[str, Recipients] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be done."""
        return not self.changes

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All messages: guards, findings of changes, findings of the plan as a whole."""
        of_changes = (finding for change in self.changes for finding in change.findings)
        return (*self.guards, *of_changes, *self.findings)

    @property
    def refusals(self) -> tuple[Diagnostic, ...]:
        """Why it may not be applied: guards, and findings that are errors. None when it may."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.severity is Severity.ERROR)

    @property
    def digest(self) -> str:
        """`sha256:` over the sorted digests of the changes with issuer, environment and the version of the digest."""
        return plan_digest(self.issuer, self.environment, (change.digest for change in self.changes))

    @property
    def grace_ends(self) -> tuple[str, ...]:
        """Addresses where nothing is done but to delete predecessors whose grace time is over."""
        return tuple(change.address for change in self.changes if change.only_ends_graces)

    def summary(self) -> dict[str, int]:
        """How many of each action, unchanged ones and clients of the server that the project does not manage."""
        counts = Counter(change.action for change in self.changes)
        return {**{str(action): counts[action] for action in Action}, "no_op": self.no_op, "unmanaged": self.unmanaged}

    def to_dict(self) -> dict[str, Any]:
        """JSON form (schemas/plan.schema.json)."""
        return {
            "format_version": FORMAT_VERSION,
            "digest": self.digest,
            "project": self.project,
            "environment": self.environment,
            "issuer": self.issuer,
            "provider": self.api.provider,
            "complete": self.complete,
            "summary": self.summary(),
            "changes": [change.to_dict() for change in self.changes],
            "guards": [{"message": guard.headline, **guard.to_dict()} for guard in self.guards],
            "findings": [{"message": finding.headline, **finding.to_dict()} for finding in self.findings],
            "released": [{"address": r.address, "fields": list(r.fields)} for r in self.released],
            "taken_over": [
                {"address": t.address, "fields": [field.to_dict() for field in t.fields]} for t in self.taken_over
            ],
            "pending": [
                {"address": p.address, "client_id": p.client_id, "action": p.action, "at": p.at} for p in self.pending
            ],
            "predecessors": [standing.to_dict() for standing in self.predecessors],
            "moved": [{"from": source, "to": target} for source, target in self.moved],
            "recipients": [{"address": address, **who.to_dict()} for address, who in self.recipients.items()],
        }


def plan_digest(issuer: str, environment: str, changes: Iterable[str]) -> str:
    """The digest of a plan whose changes have these digests."""
    return sha256([DIGEST_VERSION, issuer, environment, sorted(changes)])
