"""What every provider begins with: one login at one issuer, whose connections are closed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from iac.ports import Provider
from iac.providers.discovery import OPENID, check_pin
from iac.providers.session import Session
from iac.transport.http import Http
from iac.transport.origin import Issuer

if TYPE_CHECKING:
    from collections.abc import Collection

    from iac.ports import Clock
    from iac.providers.connection import Connection
    from iac.providers.logins import Login


class Connected(Provider):
    """A provider of one server. A context manager; nothing is sent before the first call."""

    def __init__(
        self, connection: Connection, login: Login, clock: Clock, *, documents: Collection[str] = (OPENID,)
    ) -> None:
        """Make it ready.

        Args:
            connection: where the server is.
            login: the way to a token.
            clock: for lifetimes of tokens.
            documents: discovery documents to look for, paths on the issuer.

        Raises:
            InputError: the issuer is no URL to send credentials to.
            CredentialsError: it is not the one of IAC_ISSUER.
        """
        self._issuer = Issuer.parse(connection.issuer)
        check_pin(self._issuer, connection.pinned)
        http = Http(self._issuer, connection.transport, clock)
        self._session = Session(http, self._issuer, login, clock, tuple(documents))
        self._clock = clock
        self._parallelism = connection.transport.parallelism

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _served_issuer(self) -> str:
        return self._session.endpoints().issuer

    @property
    def skew(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's; None before it said its time."""
        return self._session.http.skew
