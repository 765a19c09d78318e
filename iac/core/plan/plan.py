"""The plan is a value: what would be done, why, and whether it may be; and the same in the making. Pure.

JSON form: schemas/plan.schema.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from iac.core import server
from iac.core.capabilities import Capabilities
from iac.core.desired import Desired, DesiredClient, OutputSpec
from iac.core.errors import Diagnostic, Severity
from iac.core.model import Actual, Fields, Registration
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, FieldChange, Recipients, sha256
from iac.core.state.model import State

FORMAT_VERSION = "1.1"

DIGEST_VERSION = "1.0"
"""Of what is hashed, apart from the document's: a plan that was approved stays approved when its form gains keys."""


class StandingPredecessor(Struct, frozen=True):
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


class PendingWrite(Struct, frozen=True):
    """A write of the last run whose end is not known."""

    address: str
    client_id: str
    action: str
    at: str


class Plan(Struct, frozen=True):
    """What would be done to one environment.

    Attributes:
        released: by address, the fields that are no longer declared: the server keeps their values, nothing is done.
        taken_over: by address, what its definition and the server both have since the last apply, with what was applied
            as `before`; only state has to learn it.
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
    released: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken_over: Mapping[str, tuple[FieldChange, ...]] = field(default_factory=dict)
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
            "released": [{"address": address, "fields": list(names)} for address, names in self.released.items()],
            "taken_over": [
                {"address": address, "fields": [field.to_dict() for field in fields]}
                for address, fields in self.taken_over.items()
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


Reads = frozenset[str] | None
"""Names of what a template reads of a client: fields, client_id, client_secret, private_key; None for everything."""


class PlanOptions(Struct, frozen=True):
    """What the caller of one run says.

    Attributes:
        templates: template name -> hash of its text.
        reads: by a template's name, what it reads of a client. It is asked only where that decides something: to find
            it out costs a process for templates of the project. By default nothing is known.
        targets: addresses to look at; empty for all.
        recreate: addresses that may be created again when they are gone from the server.
        rotate: addresses that are to get a new secret now.
        rotate_due: whether those are to get one whose secret has reached its age.
        no_grace: whether the predecessors that rotations make go as soon as outputs are written.
        now: the time, aware, UTC; without it nothing is due.
    """

    templates: Mapping[str, str] = field(default_factory=dict)
    reads: Callable[[str], Reads] = lambda _template: None
    targets: frozenset[str] = frozenset()
    recreate: frozenset[str] = frozenset()
    rotate: frozenset[str] = frozenset()
    rotate_due: bool = False
    no_grace: bool = False
    now: datetime | None = None

    def wants(self, address: str) -> bool:
        """Whether this run looks at an address."""
        return not self.targets or address in self.targets

    def wants_any(self, addresses: Iterable[str]) -> bool:
        """Whether this run looks at one of these."""
        return any(self.wants(address) for address in addresses)


def secret_fix(addresses: Collection[str], stored: Collection[str]) -> str:
    """Commands that provide these secrets. A secret can be stored only for an address that is in state."""
    commands = " and ".join(f"iac secret set {address}" for address in addresses)
    return commands if all(address in stored for address in addresses) else f"iac apply, then {commands}"


class RenderedClient(Struct, frozen=True):
    """What an output can read of one client: fields as applied, which secret (0 for none, None unknown), which key."""

    client_id: str
    fields: Fields
    secret_version: int | None
    kid: str = ""


class Draft(Struct):
    """Inputs of planning and what was found so far; `after` is each client as outputs will see it.

    Attributes:
        named: addresses whose definition names a client_id; those of others were chosen by the server.
        stored: addresses that the state on disk has; `state` has clients under their new ones already.
        holders: client_id -> the address that state holds it under, as its client or as a predecessor.
    """

    desired: Desired
    state: State
    actual: Actual
    options: PlanOptions
    named: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    changes: dict[str, Change] = field(default_factory=dict)
    guards: list[Diagnostic] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    after: dict[str, RenderedClient] = field(default_factory=dict)
    standing: list[StandingPredecessor] = field(default_factory=list)
    holders: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clients = self.state.clients.items()
        self.holders = {client_id: address for address, client in clients for client_id in client.client_ids}

    def creates(self, client: DesiredClient) -> bool:
        """Whether an interrupted run was about to create this very client."""
        return self._is_begun(client, Action.CREATE)

    def rotates(self, client: DesiredClient) -> bool:
        """Whether an interrupted run was about to ask for a new secret of this very client."""
        return self._is_begun(client, Action.ROTATE)

    def _is_begun(self, client: DesiredClient, action: Action) -> bool:
        intent = self.state.intents.get(client.address)
        return intent is not None and (intent.action, intent.client_id) == (action, client.client_id)

    def guard_protected(self, address: str, client_id: str, observed: Registration | None) -> None:
        """Refuse to touch built-in, federated and personal clients and the one that iac logs in with."""
        why = server.protected(observed.answer) if observed else ""
        if client_id and client_id == self.desired.login_client_id:
            why = "the client that iac itself logs in with"
        if why:
            self.guards.append(guards.foreign(address, client_id, why))
