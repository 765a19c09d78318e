"""Where the rules of the table are tried: the real provider against the sandbox, by the real straight line."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from iac.core.errors import IacError
from iac.core.secret import Secret
from iac.providers.base import Connection
from iac.providers.iam_admin.api import IamAdmin
from iac.providers.iam_self_service.api import IamSelfService
from iac.providers.logins import WRITE_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret
from iac.providers.logins.given import AnonymousLogin, LocatedToken, TokenLogin
from iac.registry import capabilities
from iac.sandbox.flavour import Flavour
from iac.sandbox.server import start_sandbox
from iac.transport.http import Transport
from iac.transport.message import Call
from tests.fakes.provider import LOGIN
from tests.fakes.state import StepClock
from tests.fakes.world import Line
from tests.scenarios.sandbox import user_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox
    from iac.transport.message import Answer

    Trap = Callable[["Bench"], None]

OLD = (Flavour.V1_12, Flavour.V1_13)
ALL = tuple(Flavour)

TRAPS: list[tuple[str, Trap]] = []
"""Rule and the test that fails without it."""


def trap(rule_id: str) -> Callable[[Trap], Trap]:
    """Say which rule of the table a test is about."""

    def register(test: Trap) -> Trap:
        TRAPS.append((rule_id, test))
        return test

    return register


def summary_of(act: Callable[[], object]) -> str:
    """The summary of the error that an act ends in; "" when it succeeds."""
    try:
        act()
    except IacError as error:
        return error.summary
    return ""


class Place(Line):
    """A sandbox as new, an empty state, and the real provider."""

    provider: IamAdmin

    def __init__(self, sandbox: Sandbox, provider: IamAdmin) -> None:
        super().__init__(sandbox.iam, provider)
        self.sandbox = sandbox

    def send(self, call: Call) -> Answer:
        """A request as it is, without a token unless the call has one."""
        return self.provider._session.http.send(call)

    def reads(self) -> list[str]:
        """Paths of the clients' API that were read so far, with their queries."""
        log = self.sandbox.log
        return [path for method, path, _ in log if method == "GET" and path.startswith("/iam/api/clients")]


class OwnPlace(Line):
    """The same by self service."""

    def __init__(self, sandbox: Sandbox, provider: IamSelfService) -> None:
        super().__init__(sandbox.iam, provider)
        self.sandbox = sandbox
        self.api = capabilities("iam-self-service")

    def mine(self) -> Client:
        """The client of the usual address as the server has it."""
        return self.on_server(self.held().client_id)


class Bench:
    """A sandbox of each flavour, started when it is needed first."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._sandboxes: dict[Flavour, Sandbox] = {}

    def places(self, *flavours: Flavour) -> Iterator[Place]:
        """A place of each of these flavours, of all when none is named."""
        for flavour in flavours or ALL:
            with self.place(flavour) as place:
                yield place

    def _sandbox(self, flavour: Flavour) -> Sandbox:
        """One of this flavour, as new."""
        if flavour not in self._sandboxes:
            self._sandboxes[flavour] = self._stack.enter_context(start_sandbox(flavour))
        sandbox = self._sandboxes[flavour]
        sandbox.reset()
        return sandbox

    @contextmanager
    def self_service(self, flavour: Flavour = Flavour.V1_14, *, user: str = "") -> Iterator[OwnPlace]:
        """The self service of this flavour, for an account, or for nobody."""
        sandbox = self._sandbox(flavour)
        token = LocatedToken(Secret(user_token(sandbox, user)), "a test") if user else None
        login = TokenLogin(lambda: token) if token else AnonymousLogin()
        connection = Connection(sandbox.issuer, transport=Transport(parallelism=2))
        with closing(IamSelfService(connection, login, StepClock())) as provider:
            yield OwnPlace(sandbox, provider)

    @contextmanager
    def place(self, flavour: Flavour) -> Iterator[Place]:
        """A place of this flavour."""
        sandbox = self._sandbox(flavour)
        login = ClientCredentials(SharedSecret(LOGIN[0], Secret(LOGIN[1])), WRITE_SCOPES)
        connection = Connection(sandbox.issuer, transport=Transport(parallelism=2))
        # Tokens of the sandbox end by the real time, which the clock of tests is far from: it renews none of them.
        with closing(IamAdmin(connection, login, StepClock())) as provider:
            yield Place(sandbox, provider)


def token_of(place: Place) -> str:
    """A token of the sandbox's administrating client, got by hand."""
    form = {"grant_type": "client_credentials", "client_id": LOGIN[0], "client_secret": LOGIN[1]}
    answer: dict[str, Any] = json.loads(place.send(Call.form("/token", form)).body)
    return str(answer["access_token"])
