"""What every provider has: where its clients are, one login at one issuer, and calls with the token of that login."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import ClassVar
from urllib.parse import quote

from msgspec import Struct, field

from iac.core.capabilities import FULL, Capabilities
from iac.core.errors import CredentialsError, InputError
from iac.core.model import Fields, Registration
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.core.server import client_id_problem
from iac.core.text import is_id, printable
from iac.ports import Clock, Identity, Provider
from iac.ports.progress import SILENT, Progress
from iac.providers.bearer import Bearer
from iac.providers.discovery import Endpoints, KnownServer, check_pin, discover, documents_of
from iac.providers.logins import Login
from iac.providers.probe import Probe
from iac.transport.http import Http, Transport
from iac.transport.message import Answer, Call


class LoginSession:
    """One login at one issuer. Safe to share between threads."""

    def __init__(
        self, http: Http, issuer: Issuer, login: Login, clock: Clock, find: Callable[[], Endpoints] | None = None
    ) -> None:
        self.http = http
        self.issuer = issuer
        self._login = login
        self._clock = clock
        self._find = find or partial(discover, http, issuer)
        self._lock = Lock()
        self._server: KnownServer | None = None
        self._bearer: Bearer | None = None
        self._failure: Exception | None = None

    def log_in(self) -> None:
        """Log in before anybody asks. What fails is raised where it would have failed: tried again it costs as long."""
        with self._lock:
            try:
                if self._bearer is None:
                    self._fetch()
            except Exception as error:
                self._failure = error

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
        """The owner of the token, by the token endpoint's answer and the token's own claims.

        Raises:
            CredentialsError: the login is refused, or the token is another server's.
        """
        bearer = self._current()
        return Identity(
            bearer.subject,
            bearer.scopes,
            bearer.issuer or self.server().endpoints.issuer,
            self._login.kind,
            bearer.expires,
        )

    def is_client(self) -> bool:
        """Whether the token is a client's own, with no user behind it."""
        return self._current().is_client

    def server(self) -> KnownServer:
        """The issuer with its endpoints, which are read once."""
        with self._lock:
            return self._discovered()

    def _current(self) -> Bearer:
        with self._lock:
            bearer = self._bearer
            if bearer is None and self._failure is not None:
                raise self._failure
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
        bearer = self._login.fetch(self._discovered())
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

    def _discovered(self) -> KnownServer:
        if self._server is None:
            if self._failure is not None:
                raise self._failure
            self._server = KnownServer(self.http, self._find(), self._clock)
        return self._server


def _authorized(call: Call, bearer: Bearer) -> Call:
    return call.with_authorization(f"Bearer {bearer.value.reveal()}")


class Connection(Struct, frozen=True):
    """The place of the server.

    Attributes:
        issuer: as in iac.yaml.
        pinned: the value of IAC_ISSUER; "" pins nothing.
        registration: URL of the registration endpoint as iac.yaml has it; "" for what the server says.
        progress: hears how far reading is.
        pin: what IAC_ISSUER would be for iac.yaml as it is.
    """

    issuer: str
    pinned: str = ""
    transport: Transport = field(default_factory=Transport)
    registration: str = ""
    progress: Progress = SILENT
    pin: str = ""


def client_path(base: str, client_id: str, suffix: str = "") -> str:
    """The path of a client: its id is one segment, whatever signs it has.

    Raises:
        InputError: the id is none, or has signs that cannot be seen.
    """
    if not is_id(client_id):
        raise _no_segment(client_id, "it is empty, or has signs that cannot be seen")
    # a segment of dots alone is a step, and quote() leaves dots as they are
    segment = client_id.replace(".", "%2E") if client_id in {".", ".."} else quote(client_id, safe="")
    return f"{base}/{segment}{suffix}"


def check_reachable(client_id: str) -> None:
    """Refuse an id that an IAM's management API reaches by no path, however it is written (rec: admin-client-ids-odd).

    Raises:
        InputError: it is one.
    """
    if client_id_problem(client_id, FULL, is_new=False):
        raise _no_segment(client_id, "the server would take it for another path, or refuse it")


def _no_segment(client_id: str, why: str) -> InputError:
    return InputError(
        "this client_id cannot be a part of an address",
        where=f"client_id: {printable(client_id)}",
        why=why,
        fix="use another client_id, of letters, digits and ._~:@-",
    )


class Connected(Provider):
    """A provider of one server. Close it after use; nothing is sent before the first call.

    Attributes:
        api: what its API can do.
    """

    api: ClassVar[Capabilities]

    def __init__(self, connection: Connection, login: Login, clock: Clock) -> None:
        """Make it ready.

        Args:
            connection: where the server is.
            login: the way to a token.
            clock: for lifetimes of tokens.

        Raises:
            InputError: the issuer is no URL to send credentials to.
            CredentialsError: it is not the one of IAC_ISSUER.
        """
        self._issuer = Issuer.parse(connection.issuer)
        check_pin(self._issuer, connection.pinned, connection.pin)
        http = Http(self._issuer, connection.transport, clock)
        find = partial(discover, http, self._issuer, documents_of(self.api), connection.registration)
        self._session = LoginSession(http, self._issuer, login, clock, find)
        self._clock = clock
        self._parallelism = connection.transport.parallelism
        self._progress = connection.progress

    def close(self) -> None:
        """Close all connections."""
        self._session.http.close()

    def _served_issuer(self) -> str:
        return self._session.server().endpoints.issuer

    def _known_scopes(self) -> frozenset[str]:
        return self._session.server().endpoints.scopes

    def _accepts_secret(self, client_id: str, secret: Secret, fields: Fields | None) -> bool:
        known = Registration(client_id, fields) if fields is not None else None
        registration = known or self._get(client_id, with_owners=False)
        probe = Probe.of(registration, secret, self.api) if registration else None
        return probe is not None and probe.ask(self._session.server())

    @property
    def skew(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's; None before it said its time."""
        return self._session.http.skew
