from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.providers.base import Connection
from iac.providers.iam_admin.api import IamAdmin
from iac.providers.logins import WRITE_SCOPES, Login
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret
from iac.sandbox.server import Sandbox, start_sandbox
from iac.transport.http import Http, Transport
from tests.providers.clock import SetClock

LOGIN = ClientCredentials(SharedSecret("admin-client-rw", Secret("secret")), WRITE_SCOPES)

OpenHttp = Callable[..., Http]
OpenAdmin = Callable[..., IamAdmin]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def open_http(clock: SetClock) -> Iterator[OpenHttp]:
    """Http to a URL; closed after the test."""
    with ExitStack() as stack:

        def open_it(url: str, **transport: object) -> Http:
            http = Http(Issuer.parse(url), Transport(chance=lambda: 1.0, **transport), clock)  # type: ignore[arg-type]
            stack.callback(http.close)
            return http

        yield open_it


@pytest.fixture
def open_admin(clock: SetClock) -> Iterator[OpenAdmin]:
    """The provider for an issuer; closed after the test."""
    with ExitStack() as stack:

        def open_it(issuer: str, login: Login = LOGIN, *, pinned: str = "", **transport: object) -> IamAdmin:
            settings = Transport(chance=lambda: 1.0, **transport)  # type: ignore[arg-type]
            return stack.enter_context(closing(IamAdmin(Connection(issuer, pinned, settings), login, clock)))

        yield open_it


@pytest.fixture(
    params=[pytest.param("1.12", marks=pytest.mark.slow), pytest.param("1.13", marks=pytest.mark.slow), "1.14"]
)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of each version."""
    with start_sandbox(request.param) as sandbox:
        yield sandbox


@pytest.fixture
def new_box() -> Iterator[Sandbox]:
    """A sandbox of the newest version."""
    with start_sandbox("1.14") as sandbox:
        yield sandbox
