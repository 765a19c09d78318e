"""A plan in the making. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iac.core import server
from iac.core.desired import Desired, DesiredClient
from iac.core.diagnostics import Diagnostic
from iac.core.model import Fields
from iac.core.plan import guards
from iac.core.plan.change import Action, Change
from iac.core.plan.plan import StandingPredecessor
from iac.core.registration import Actual, Registration
from iac.core.state.model import State

Reads = frozenset[str] | None
"""Names of what a template reads of a client: fields, client_id, client_secret, private_key; None for everything."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
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


@dataclass(frozen=True, slots=True)
class RenderedClient:
    """What an output can read of one client: fields as applied, which secret (0 for none, None unknown), which key."""

    client_id: str
    fields: Fields
    secret_version: int | None
    kid: str = ""


@dataclass(slots=True)
class Draft:
    """Inputs of planning and what was found so far; `after` is each client as outputs will see it.

    Attributes:
        named: addresses whose definition names a client_id; those of others were chosen by the server.
        holders: client_id -> the address that state holds it under, as its client or as a predecessor.
    """

    desired: Desired
    state: State
    actual: Actual
    options: PlanOptions
    named: frozenset[str] = frozenset()
    changes: dict[str, Change] = field(default_factory=dict)
    guards: list[Diagnostic] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    after: dict[str, RenderedClient] = field(default_factory=dict)
    standing: list[StandingPredecessor] = field(default_factory=list)
    holders: dict[str, str] = field(init=False)

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
