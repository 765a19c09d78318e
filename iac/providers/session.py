"""Calls with a token: got at the first call, kept in memory, renewed before it ends."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError
from iac.core.text import printable
from iac.ports import Clock, Identity
from iac.providers.bearer import Bearer
from iac.providers.discovery import OPENID, Endpoints, discover
from iac.providers.logins import Login
from iac.transport.message import Answer, Call

if TYPE_CHECKING:
    from iac.core.origin import Issuer
    from iac.transport.http import Http


class LoginSession:
    """One login at one issuer. Safe to share between threads."""

    def __init__(
        self, http: Http, issuer: Issuer, login: Login, clock: Clock, documents: Sequence[str] = (OPENID,)
    ) -> None:
        self.http = http
        self.issuer = issuer
        self._login = login
        self._clock = clock
        self._documents = documents
        self._lock = Lock()
        self._endpoints: Endpoints | None = None
        self._bearer: Bearer | None = None

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def send(self, call: Call) -> Answer:
        """Send a call with the token; a read that is answered by 401 once more with a new token."""
        bearer = self._current()
        answer = self.http.send(_authorized(call, bearer))
        # A token may be revoked before its time. A write is not sent again: whoever answered 401 may stand before a
        # server that has done it, and the caller finds out by a read.
        if answer.status == HTTPStatus.UNAUTHORIZED and call.is_read:
            return self.http.send(_authorized(call, self._renewed(bearer)))
        return answer

    def identity(self) -> Identity:
        """Who the token is, by the token endpoint's answer and the token's own claims.

        Raises:
            CredentialsError: the login is refused, or the token is another server's.
        """
        bearer = self._current()
        return Identity(
            bearer.subject, bearer.scopes, bearer.issuer or self.endpoints().issuer, self._login.kind, bearer.expires
        )

    def is_client(self) -> bool:
        """Whether the token is a client's own, with no user behind it."""
        return self._current().is_client

    def endpoints(self) -> Endpoints:
        """What the issuer declares, read once."""
        with self._lock:
            return self._discovered()

    def _current(self) -> Bearer:
        with self._lock:
            bearer = self._bearer
            if bearer is None or (bearer.renew_at is not None and bearer.renew_at <= self._clock.now()):
                bearer = self._fetch()
            return bearer

    def _renewed(self, refused: Bearer) -> Bearer:
        with self._lock:
            if self._bearer is not refused and self._bearer is not None:
                return self._bearer
            self._login.forget(refused)
            return self._fetch()

    def _fetch(self) -> Bearer:
        bearer = self._login.fetch(self.http, self._discovered(), self._clock)
        if bearer.issuer and not self.issuer.is_same(bearer.issuer):
            self._login.forget(bearer)
            raise CredentialsError(
                "the token is another issuer's",
                where=f"issuer: {self.issuer.url}",
                why=f"the token's iss is {printable(bearer.issuer)}; it is not sent to this server",
                fix="use a token of this issuer, or correct issuer in iac.yaml",
            )
        self._bearer = bearer
        return bearer

    def _discovered(self) -> Endpoints:
        if self._endpoints is None:
            self._endpoints = discover(self.http, self.issuer, self._documents)
        return self._endpoints


def _authorized(call: Call, bearer: Bearer) -> Call:
    return call.with_authorization(f"Bearer {bearer.value.reveal()}")
