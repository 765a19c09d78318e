"""One project against one IAM in memory: plan and apply by the real straight line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iac.apply.outcome import StopRequest
from iac.apply.run import apply_plan
from iac.core.desired import Desired
from iac.core.plan.plan import PlanOptions
from iac.core.state.model import State
from iac.ports import Deliveries, Place
from iac.registry import capabilities
from iac.sandbox.flavour import Flavour
from iac.sandbox.iam import Iam
from iac.sandbox.model import Client
from iac.sandbox.seed import Seed
from iac.session import Session
from iac.workflow.plan import check_guards, prepare
from tests.fakes.provider import LOGIN, FakeProvider, logs_in
from tests.fakes.state import MemoryBackend, MemoryVault, StepClock

if TYPE_CHECKING:
    from iac.apply.outcome import Report
    from iac.core.desired import DesiredClient
    from iac.core.plan.plan import Plan
    from iac.core.state.model import ClientState, SealedSecret
    from iac.ports import Provider

OWNERS = ("5f9c1a2e-0000-4000-8000-000000000001", "5f9c1a2e-0000-4000-8000-000000000002")
"""Accounts of the sandbox's seed."""

_PEOPLE = Seed.load("people")


class Line:
    """A server, a state and the clients that a test defines."""

    def __init__(self, iam: Iam, provider: Provider) -> None:
        self.iam = iam
        self.provider = provider
        self.backend = MemoryBackend(State("rucio", "default", self.iam.world.issuer, "lineage-1"))
        self.vault = MemoryVault()
        self.clock = StepClock()
        self.project: dict[str, Any] = {}
        self.parallelism = 1
        self.api = capabilities("iam-admin")
        self._runs = 0

    def session(self, *clients: DesiredClient) -> Session:
        """A run of its own."""
        self._runs += 1
        by_address = {client.address: client for client in sorted(clients, key=lambda client: client.address)}
        desired = Desired(
            "rucio", "default", self.iam.world.issuer, self.api, by_address,
            **{"login_client_id": LOGIN[0], **self.project},
        )  # fmt: skip
        return Session(
            desired=desired,
            backend=self.backend,
            vault=self.vault,
            provider=self.provider,
            sinks={},
            templates={},
            deliveries=Deliveries(self.clock),
            clock=self.clock,
            parallelism=self.parallelism,
            run_id=f"run-{self._runs}",
        )

    def plan(self, *clients: DesiredClient, **options: Any) -> Plan:
        """What would be done now."""
        return prepare(self.session(*clients), PlanOptions(**options)).plan

    def apply(self, *clients: DesiredClient, stop: StopRequest | None = None, **options: Any) -> Report:
        """Plan, check the guards, apply."""
        session = self.session(*clients)
        prepared = prepare(session, PlanOptions(**options))
        check_guards(prepared.plan)
        return apply_plan(session, prepared, stop or StopRequest())

    def held(self, address: str = "team/app") -> ClientState:
        """What state, as the next run finds it, holds of an address."""
        return self.backend.load().clients[address]

    def sealed(self, address: str = "team/app") -> SealedSecret:
        """The secret in state, sealed."""
        held = self.held(address).secret
        assert held is not None
        return held

    def secret(self, address: str = "team/app") -> str:
        """The secret in state, in clear."""
        place = Place("lineage-1", "default", address, "client_secret")
        return self.vault.open(self.sealed(address).sealed, place).reveal()

    def logs_in(self, address: str = "team/app") -> bool:
        """Whether the secret in state logs in."""
        return logs_in(self.iam, self.held(address).client_id, self.secret(address))

    def on_server(self, client_id: str = "app") -> Client:
        """The client as the server has it."""
        client = self.iam.world.store.find(client_id)
        assert client is not None
        return client

    def edit(self, client_id: str = "app", **members: Any) -> None:
        """Somebody changes the client by hand."""
        self.iam.world.store.put(replace(self.on_server(client_id), **members))

    def register(self, client_id: str | None = "app", **members: Any) -> None:
        """Somebody registers a client by hand; one of None has lost its id."""
        store = self.iam.world.store
        told = {"client_name": "Theirs", "client_secret": "theirs-1234", "grant_types": ("client_credentials",)}
        store.put(Client(key=store.new_key(), client_id=client_id, **{**told, **members}))

    def remove(self, client_id: str = "app") -> None:
        """Somebody deletes the client by hand."""
        self.iam.world.store.remove(self.on_server(client_id))


class World(Line):
    """The same around a fake provider, which can be scripted."""

    provider: FakeProvider

    def __init__(self, flavour: Flavour | str) -> None:
        iam = Iam(Flavour(flavour), _PEOPLE)
        super().__init__(iam, FakeProvider(iam))
