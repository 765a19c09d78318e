"""HTTP as the rest of the program sees it. The one module that imports httpx (or httpx2, its live continuation).

Synchronous, HTTP/1.1, thread-safe. No redirects, no cookies, one origin. What has no effect may be sent again;
a write is sent once, and the errors say whether it can have had an effect:

- `UnreachableError`: it was not sent, so it surely had none;
- `UnknownOutcome`: it was sent and no answer came back.

Each request is logged (method, path, status), never a header or a body: these carry secrets.
"""

from __future__ import annotations

import logging
import random
import ssl
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

from iac import __version__
from iac.core.errors import InputError, UnknownOutcome, UnreachableError
from iac.core.semantics import switch
from iac.transport.message import Answer, Call
from iac.transport.retry import PASSING, Patience, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from iac.ports import Clock
    from iac.transport.origin import Server
else:
    try:
        import httpx2 as httpx
    except ImportError:
        import httpx

_log = logging.getLogger(__name__)

LARGEST_BODY = 32 * 2**20
"""Bytes of an answer that are read; a page of 100 clients with the largest jwk that IAM takes is 7 MB."""

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class _NotSent:
    """No connection: the request surely had no effect."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Lost:
    """Sent, perhaps in part; no whole answer came back."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Transport:
    """How to reach the server.

    Attributes:
        parallelism: connections at most, kept alive between requests.
        timeout: seconds that the server may be silent.
        ca_bundle: PEM file of certificate authorities to trust besides the system's.
        setting: the key of iac.yaml that names the server, for messages.
        largest_body: bytes of an answer that are read.
    """

    parallelism: int = 8
    timeout: float = 30.0
    ca_bundle: Path | None = None
    setting: str = "issuer"
    largest_body: int = LARGEST_BODY
    patience: Patience = field(default_factory=Patience)
    chance: Callable[[], float] = random.random


class Http:
    """Requests to one origin. Close it after use."""

    def __init__(self, server: Server, transport: Transport, clock: Clock) -> None:
        self._origin = server.origin
        self._transport = transport
        self._clock = clock
        self._client = _client(server, transport)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, call: Call) -> Answer:
        """Send a call, again only when it has no effect, and give the server's answer, whatever its status.

        Raises:
            UnreachableError: not sent, or a read without an answer.
            UnknownOutcome: a write was sent and no answer came back.
        """
        outcome = self._persist(call)
        if isinstance(outcome, Answer):
            return outcome
        raise self._failure(call, outcome) from outcome.error

    def _persist(self, call: Call) -> Answer | _NotSent | _Lost:
        attempt = 1
        while True:
            outcome = self._attempt(call)
            _log.info("%s %s: %s", call.method, call.shown, _brief(outcome))
            pause = self._pause(call, outcome, attempt)
            if pause is None:
                return outcome
            _log.info("again in %.1f s", pause)
            self._clock.sleep(pause)
            attempt += 1

    def _attempt(self, call: Call) -> Answer | _NotSent | _Lost:
        try:
            url = self._origin + call.path
            with self._client.stream(call.method, url, content=call.body or None, headers=call.headers) as response:
                return Answer(
                    response.status_code, response.headers, _whole(response, self._transport.largest_body), call
                )
        except _NOT_SENT as error:
            return _NotSent(_bare(error))
        except httpx.HTTPError as error:
            return _Lost(_bare(error))

    def _pause(self, call: Call, outcome: Answer | _NotSent | _Lost, attempt: int) -> float | None:
        if not call.is_read:
            return None
        asked = None
        if isinstance(outcome, Answer):
            if outcome.status not in PASSING:
                return None
            asked = parse_retry_after(outcome.headers.get("retry-after"), self._clock.now())
        return self._transport.patience.pause(attempt, asked, self._transport.chance())

    def _failure(self, call: Call, outcome: _NotSent | _Lost) -> UnreachableError | UnknownOutcome:
        where = f"{call.method} {self._origin}{call.path.partition('?')[0]}"
        why = str(outcome.error) or type(outcome.error).__name__
        if isinstance(outcome, _NotSent):
            return self._unreachable(outcome.error, why)
        if call.is_read:
            return UnreachableError("the server gave no answer", where=where, why=why, fix=self._check())
        return UnknownOutcome(
            "the request was sent and no answer came back",
            where=where,
            why=f"{why}; the server may or may not have done it",
            fix="run it again: what the server holds is read first",
        )

    def _unreachable(self, error: Exception, why: str) -> UnreachableError:
        if _is_untrusted(error):
            return UnreachableError(
                "the server's certificate is not trusted",
                where=self._origin,
                why=why,
                fix="name the certificate authority: export SSL_CERT_FILE=/path/to/ca.pem",
            )
        return UnreachableError("the server cannot be reached", where=self._origin, why=why, fix=self._check())

    def _check(self) -> str:
        return f"check that the server runs, and {self._transport.setting} in iac.yaml"


def _bare(error: Exception) -> Exception:
    """The exception, and those behind it, without the frames that they came through: these hold what was sent."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _brief(outcome: Answer | _NotSent | _Lost) -> str:
    if isinstance(outcome, Answer):
        return str(outcome.status)
    return f"{'not sent' if isinstance(outcome, _NotSent) else 'no answer'} ({type(outcome.error).__name__})"


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _whole(response: httpx.Response, largest: int) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > largest:
            raise httpx.RemoteProtocolError(f"the answer is larger than {largest} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _client(server: Server, transport: Transport) -> httpx.Client:
    allowed: list[str] | None = [] if switch("no-cookies") else None
    return httpx.Client(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=allowed)),
        headers={"User-Agent": f"iac/{__version__}", "Accept": "application/json"},
        follow_redirects=False,
        trust_env=not server.is_loopback,
        verify=_trust(server, transport),
        timeout=httpx.Timeout(transport.timeout, pool=None),
        limits=httpx.Limits(max_connections=transport.parallelism, max_keepalive_connections=transport.parallelism),
    )


def _trust(server: Server, transport: Transport) -> ssl.SSLContext:
    if server.origin.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    if transport.ca_bundle is not None:
        try:
            context.load_verify_locations(transport.ca_bundle)
        except OSError as error:
            raise InputError(
                "the CA bundle cannot be used",
                where=str(transport.ca_bundle),
                why=str(error),
                fix="name a PEM file of certificates",
            ) from error
    return context
