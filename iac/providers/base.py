"""What every provider has: one login at one issuer, and where its clients are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

from iac.core.errors import InputError
from iac.core.origin import Issuer
from iac.core.text import printable
from iac.ports import Clock, Provider
from iac.providers.discovery import OPENID, check_pin
from iac.providers.logins import Login
from iac.providers.session import LoginSession
from iac.transport.client import Transport
from iac.transport.http import Http


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is.

    Attributes:
        issuer: as in iac.yaml.
        pinned: the value of IAC_ISSUER; "" pins nothing.
    """

    issuer: str
    pinned: str = ""
    transport: Transport = field(default_factory=Transport)


def client_path(base: str, client_id: str, suffix: str = "") -> str:
    """The path of a client: its id is one segment, whatever signs it has.

    Raises:
        InputError: the id is none, or has signs that cannot be seen.
    """
    if not client_id or not client_id.isprintable():
        raise _no_segment(client_id, "it is empty, or has signs that cannot be seen")
    # a segment of dots alone is a step, and quote() leaves dots as they are
    segment = client_id.replace(".", "%2E") if client_id in {".", ".."} else quote(client_id, safe="")
    return f"{base}/{segment}{suffix}"


def check_reachable(client_id: str) -> None:
    """Refuse an id that an IAM's management API reaches by no path, however it is written (rec: admin-client-ids-odd).

    Raises:
        InputError: it is one.
    """
    if client_id in {".", ".."} or any(sign in client_id for sign in r"/\;%"):
        raise _no_segment(client_id, "the server would take it for another path, or refuse it")


def _no_segment(client_id: str, why: str) -> InputError:
    return InputError(
        "this client_id cannot be a part of an address",
        where=f"client_id: {printable(client_id)}",
        why=why,
        fix="use letters, digits and ._~:@- in client_id",
    )


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
        self._session = LoginSession(http, self._issuer, login, clock, tuple(documents))
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
