"""HTTP as the rest of the program sees it. The one module that imports httpx (or httpx2, its live continuation).

Synchronous, HTTP/1.1, thread-safe. No redirects, no cookies, one origin. What has no effect may be sent again;
a write is sent once, and the errors say whether it can have had an effect:

- `UnreachableError`: it was not sent, so it surely had none;
- `UnknownOutcome`: it was sent and no answer came back.

What was sent is told by the wire: the first byte of a request that may have gone out. The kind of an exception tells
nothing of it.

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
from iac.transport.certificate import cause, is_certificate_refused, ssl_context
from iac.transport.date import parse_date
from iac.transport.message import Answer, Call
from iac.transport.origin import Address
from iac.transport.retry import PASSING, Patience, parse_retry_after
from iac.transport.wire import Wire, are_sendable

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

_UNSENDABLE = "a header, such as that of a token, has a character that HTTP does not carry (RFC 9110 section 5.5)"


@dataclass(frozen=True, slots=True)
class _NotSent:
    """No byte of the request went out: it surely had no effect."""

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
        certificate: PEM file of a client certificate with its chain, shown when the server asks for one.
        key: PEM file of its private key; None when it is in the same file.
        proxy: URL of an HTTP proxy, "none", or None for what the environment says (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY,
            NO_PROXY), which does not count for this machine.
        setting: the key of iac.yaml that names the server, for messages.
        largest_body: bytes of an answer that are read.
        trust: makes the TLS context, instead of trust in the system's authorities and `ca_bundle`.
    """

    parallelism: int = 8
    timeout: float = 30.0
    ca_bundle: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None
    setting: str = "issuer"
    largest_body: int = LARGEST_BODY
    patience: Patience = field(default_factory=Patience)
    chance: Callable[[], float] = random.random
    trust: Callable[[], ssl.SSLContext] | None = None


class Http:
    """Requests to one origin. Close it after use."""

    def __init__(self, server: Server, transport: Transport, clock: Clock) -> None:
        self._origin = server.origin
        self._transport = transport
        self._clock = clock
        self._client = _client(server, transport)
        self._skew: float | None = None

    @property
    def skew(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's, by its last answer (RFC 9110 section 6.6.1).

        None when no answer said what time it is.
        """
        return self._skew

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
        if not are_sendable(call.headers.values()):
            return _NotSent(httpx.LocalProtocolError(_UNSENDABLE))  # the library would repeat the header in its words
        wire = Wire()
        try:
            return self._exchange(call, wire)
        except Exception as error:
            return (_Lost if wire.is_sent else _NotSent)(_bare(error))

    def _exchange(self, call: Call, wire: Wire) -> Answer:
        url, extensions = self._origin + call.path, {"trace": wire.trace}
        with self._client.stream(
            call.method, url, content=call.body or None, headers=call.headers, extensions=extensions
        ) as response:
            self._note_time(response.headers.get("date"))
            return Answer(response.status_code, response.headers, _whole(response, self._transport.largest_body), call)

    def _note_time(self, said: str | None) -> None:
        date = parse_date(said)
        if date is not None:
            self._skew = (date - self._clock.now()).total_seconds()

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
        if call.is_read and is_certificate_refused(outcome.error):
            return self._certificate_refused(why)
        if call.is_read:
            return UnreachableError("the server gave no answer", where=where, why=why, fix=self._check())
        return UnknownOutcome(
            "the request was sent and no answer came back",
            where=where,
            why=f"{why}; the server may or may not have done it",
            fix="run it again: what the server holds is read first",
        )

    def _unreachable(self, error: Exception, why: str) -> UnreachableError:
        if cause(error, ssl.SSLCertVerificationError):
            authority = "tls: {ca: FILE} in iac.yaml, or export SSL_CERT_FILE=FILE"
            if self._transport.trust:
                authority = f"correct the one that {self._transport.setting} leads to"
            return UnreachableError(
                "the server's certificate is not trusted",
                where=self._origin,
                why=why,
                fix=f"name the certificate authority: {authority}",
            )
        if is_certificate_refused(error):
            return self._certificate_refused(why)
        if isinstance(error, httpx.LocalProtocolError):
            fix = "hand the token in as it was given: one line, without spaces"
            return UnreachableError("the request cannot be sent", where=self._origin, why=why, fix=fix)
        if isinstance(error, httpx.ProxyError):
            return UnreachableError(
                "the proxy does not let us through",
                where=self._origin,
                why=why,
                fix="check proxy in iac.yaml, or HTTPS_PROXY, which may have user and password, or set proxy: none",
            )
        return UnreachableError("the server cannot be reached", where=self._origin, why=why, fix=self._check())

    def _certificate_refused(self, why: str) -> UnreachableError:
        return UnreachableError(
            "the server demands another client certificate",
            where=self._origin,
            why=why,
            fix="name one that it accepts: tls: {certificate: FILE, key: FILE} in iac.yaml",
        )

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
    is_plain = _is_plain(server, transport)
    if transport.trust is not None and not is_plain:
        verify = transport.trust()
    else:
        verify = ssl_context(transport.ca_bundle, transport.certificate, transport.key, is_plain=is_plain)
    try:
        return httpx.Client(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=allowed)),
            headers={"User-Agent": f"iac/{__version__}", "Accept": "application/json"},
            follow_redirects=False,
            trust_env=transport.proxy is None and not server.is_loopback,
            proxy=_proxy(server, transport),
            verify=verify,
            timeout=httpx.Timeout(transport.timeout, pool=None),
            limits=httpx.Limits(max_connections=transport.parallelism, max_keepalive_connections=transport.parallelism),
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise InputError(
            "the proxy cannot be used",
            where="proxy in iac.yaml" if transport.proxy else "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
            why="it is no URL of an HTTP proxy, such as http://proxy.example.org:3128",
            fix="correct it, or set proxy: none in iac.yaml",
        ) from None


def _proxy(server: Server, transport: Transport) -> str | None:
    """The proxy of the settings. What goes to this machine in clear goes through none of another machine."""
    if transport.proxy in {None, "none"}:
        return None
    address = Address.parse(transport.proxy or "")
    is_near = address is not None and address.is_loopback
    return transport.proxy if is_near or server.origin.startswith("https:") else None


def _is_plain(server: Server, transport: Transport) -> bool:
    """Whether no TLS is spoken, neither with the server nor with a proxy."""
    return server.origin.startswith("http:") and not (_proxy(server, transport) or "").startswith("https:")
