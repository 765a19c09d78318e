"""Credentials proven at the OAuth endpoints that any client may use: no login of iac's own is needed.

Which question proves what is in docs/how-to/verify-credentials.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock

from iac.core.capabilities import Capabilities
from iac.core.errors import UnreachableError
from iac.core.model import members
from iac.core.origin import Issuer
from iac.core.proof import Evidence, Grade, ServiceLogin
from iac.ports import Clock
from iac.ports.foreign import foreign_as
from iac.providers.base import Connection
from iac.providers.discovery import check_pin, discover, documents_of
from iac.providers.proof.authorization import Authorization
from iac.providers.proof.keys import check_jwks_uri, check_keys
from iac.providers.proof.server import AskedServer, asked
from iac.providers.proof.token import (
    ClientLogin,
    check_device,
    check_enabled,
    check_introspection,
    check_login,
    check_refresh,
    check_token,
    grants_of,
)
from iac.transport.http import Http

_server = foreign_as(UnreachableError, "the server cannot be used")
_OWN: dict[str, Callable[[ClientLogin], Evidence]] = {
    "client_credentials": check_token,
    "refresh_token": check_refresh,
    "device_code": check_device,
}
"""Grants that a client's own credentials say something about."""


class OAuthProver:
    """Asks a server as a service would, with the service's own credentials. Nothing is changed there.

    Tokens that it gets are neither kept nor shown. Safe to share between threads. Close it after use; nothing is sent
    before `open`.
    """

    def __init__(self, connection: Connection, clock: Clock, api: Capabilities) -> None:
        """Make it ready.

        Args:
            connection: where the server is.
            clock: for assertions and states.
            api: what the server can do: how it takes credentials, and whether its answers are those of an IAM.

        Raises:
            InputError: the issuer is no URL to send credentials to.
            CredentialsError: it is not the one of IAC_ISSUER.
        """
        self._issuer = Issuer.parse(connection.issuer)
        check_pin(self._issuer, connection.pinned, connection.pin)
        self._transport = connection.transport
        self._http = Http(self._issuer, connection.transport, clock)
        self._clock = clock
        self._api = api
        self._lock = Lock()
        self._known: Authorization | None = None

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    @_server
    def open(self) -> None:
        """See that the server is there and is the one that is meant.

        Raises:
            UnreachableError: it is not.
            CredentialsError: it is another one.
        """
        self._authorization()

    def _authorization(self) -> Authorization:
        with self._lock:
            if self._known is None:
                endpoints = discover(self._http, self._issuer, documents_of(self._api))
                self._known = Authorization(AskedServer(self._http, endpoints, self._clock, self._issuer, self._api))
            return self._known

    @_server
    def prove(self, subject: ServiceLogin) -> Sequence[Evidence]:
        """Every check that can be made for this client. A server that does not answer makes a check unanswered."""
        return tuple(self._checks(subject))

    def _checks(self, subject: ServiceLogin) -> Iterator[Evidence]:
        authorization = self._authorization()
        session = ClientLogin(subject, authorization.server)
        yield from check_login(session)
        for grant in grants_of(subject):
            yield from _grant(grant, session, authorization)
        if subject.fields.get("allow_introspection") is True and session.can_log_in:
            yield asked("introspection", lambda: check_introspection(session))
        yield from check_enabled(session)
        uri, jwk = subject.fields.get("jwks_uri"), subject.fields.get("jwk")
        if uri:
            yield check_jwks_uri(str(uri), self._transport, self._clock)
        if jwk:
            yield check_keys("jwk", str(jwk))


def _grant(grant: str, session: ClientLogin, authorization: Authorization) -> Iterator[Evidence]:
    if grant in {"authorization_code", "implicit"}:
        for uri in members(session.subject.fields.get("redirect_uris")):
            yield asked(grant, partial(authorization.check, grant, session.subject, uri), uri)
    elif grant not in _OWN:
        yield Evidence(grant, Grade.UNPROVEN, why="a user, or a token of one, is needed for it")
    elif session.can_log_in:
        yield asked(grant, lambda: _OWN[grant](session))
