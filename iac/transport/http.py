"""HTTP as the rest of the program sees it.

Synchronous, HTTP/1.1, thread-safe. No redirects, no cookies, one origin. What has no effect may be sent again;
a write is sent once, and the errors say whether it can have had an effect:

- `UnreachableError`: of a write no byte was sent, so it surely had no effect;
- `UnknownOutcome`: at least one byte of it was sent and no usable answer came back.

Which of them is decided by what went over the wire (`WireExchange.is_sent`), never by the kind of exception; both say
it as `sent`. What fails after `send` gave an answer is known by `iac.ports.foreign.watch_network`, whoever raises.

A call ends by its deadline, with its repetitions and pauses. Each request is logged (method, path, status), never a
header or a body: these carry secrets.

`open_wire` makes the HTTP library's connections to one server: whom it trusts, by which proxy they go, on a network of
our own. The library's client above them is left out: cookies, redirects and logins are not wanted, and cost a fifth of
the time of a request.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from queue import Empty, LifoQueue
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct, field

from iac import __version__
from iac.core.errors import InputError, UnknownOutcome, UnreachableError
from iac.core.limits import DEADLINE, LARGEST_BODY, LARGEST_HEAD, TIMEOUT
from iac.core.origin import Address, HttpServer
from iac.core.server import switch
from iac.core.text import reason
from iac.ports import Clock
from iac.ports.progress import SILENT
from iac.transport.certificate import FORM_ERRORS, cause, is_certificate_refused, ssl_context
from iac.transport.message import PASSING, Answer, Call, decode, parse_date, parse_retry_after
from iac.transport.wire import WatchedNetwork, WireExchange, httpcore, httpx, serving

_HEADERS = {"User-Agent": f"iac/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}

_KEPT = 5.0
"""Seconds that a connection without a request is kept."""


class RetryPolicy(Struct, frozen=True):
    """The number of attempts, and the pauses between them.

    Attributes:
        attempts: requests in all.
        first: the longest first pause, in seconds; doubles with each attempt.
        longest: no pause is longer, in seconds; a server that asks for more is not waited for.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 30.0

    def pause(self, attempt: int, asked: float | None, chance: float) -> float | None:
        """Seconds to wait after the `attempt`-th request (from 1); None for giving up.

        Args:
            attempt: how many requests were sent.
            asked: what the server asked for by Retry-After, in seconds.
            chance: a random number from 0 to 1, so that many clients do not come back at once.
        """
        if attempt >= self.attempts:
            return None
        if asked is None:
            return chance * min(self.longest, self.first * 2.0 ** (attempt - 1))
        return asked + chance * self.first if asked <= self.longest else None


class Transport(Struct, frozen=True):
    """The way to reach a server.

    Attributes:
        parallelism: requests at once, at most; their connections are kept alive.
        timeout: seconds that the server may be silent.
        deadline: seconds for a whole call: connecting, each step of the answer, repetitions and pauses.
        ca_bundle: PEM file of certificate authorities to trust besides the system's.
        certificate: PEM file of a client certificate with its chain, shown when the server asks for one.
        key: PEM file of its private key; None when it is in the same file.
        proxy: URL of an HTTP proxy, "none", or None for what the environment says (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY,
            NO_PROXY), which does not count for this machine.
        setting: the key of iac.yaml that names the server, for messages.
        largest_body: bytes of an answer that are read, decoded.
        tell: hears for whom a request waits.
        trust: makes the TLS context, instead of trust in the system's authorities and `ca_bundle`.
    """

    parallelism: int = 8
    timeout: float = TIMEOUT
    deadline: float = DEADLINE
    ca_bundle: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None
    setting: str = "issuer"
    largest_body: int = LARGEST_BODY
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    chance: Callable[[], float] = random.random
    tell: Callable[[str], None] = SILENT.wait
    trust: Callable[[], ssl.SSLContext] | None = None


def open_wires(server: HttpServer, transport: Transport, proxy: httpx.Proxy | None) -> list[httpx.HTTPTransport]:
    """A wire for each request that may be on its way at a time; close them after use.

    Raises:
        InputError: a certificate of the settings or the environment cannot be used.
    """
    trust = _trust(server, transport, proxy)
    return [_Wire(_pool(proxy, trust)) for _ in range(transport.parallelism)]


class _Wire(httpx.HTTPTransport):
    """The library's own transport over a pool with our network, for which it has no parameter."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool


def _pool(proxy: httpx.Proxy | None, trust: ssl.SSLContext) -> httpcore.ConnectionPool:
    """A pool that keeps one connection, for `Http` sends one request at a time by it.

    In a pool for all the library looks at each connection, and asks the system about it, whenever a request begins or
    ends: a fifth of the time of 1,000 creates. With a limit on their number it waits for a free connection, and one
    whose TLS failed behind a proxy is never free again.
    """
    network = WatchedNetwork()
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=None,
            max_keepalive_connections=1,
            keepalive_expiry=_KEPT,
            network_backend=network,
        )
    url = proxy.url
    return httpcore.HTTPProxy(
        proxy_url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        proxy_auth=proxy.raw_auth,
        proxy_headers=proxy.headers.raw,
        ssl_context=trust,
        max_connections=None,
        max_keepalive_connections=1,
        keepalive_expiry=_KEPT,
        network_backend=network,
    )


def _trust(server: HttpServer, transport: Transport, proxy: httpx.Proxy | None) -> ssl.SSLContext:
    is_plain = server.origin.startswith("http:") and (proxy is None or proxy.url.scheme != "https")
    if transport.trust is not None and not is_plain:
        return transport.trust()
    return ssl_context(transport.ca_bundle, transport.certificate, transport.key, is_plain=is_plain)


def _proxy(server: HttpServer, transport: Transport) -> httpx.Proxy | None:
    url = _settings_proxy(server, transport.proxy) if transport.proxy else _environment_proxy(server)
    if not url:
        return None
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in {"http", "https"}:
        raise InputError(
            "the proxy cannot be used",
            where="proxy in iac.yaml" if transport.proxy else "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
            why="it is not the URL of an HTTP proxy, such as http://proxy.example.org:3128",
            fix="correct it, or set proxy: none in iac.yaml",
        )
    return proxy


def _settings_proxy(server: HttpServer, url: str) -> str:
    """The proxy of the settings. What goes to this machine in clear goes through none of another machine."""
    if url == "none":
        return ""
    address = Address.parse(url)
    is_near = address is not None and address.is_loopback
    return url if is_near or server.origin.startswith("https:") else ""


def _environment_proxy(server: HttpServer) -> str:
    """HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, which do not count for this machine."""
    scheme, _, host = server.origin.partition("://")
    if server.is_loopback or proxy_bypass(host):
        return ""
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all") or ""
    return url if not url or "://" in url else f"http://{url}"


_log = logging.getLogger(__name__)

_UNSENDABLE = "a header, such as that of a token, has a character that HTTP does not carry (RFC 9110 section 5.5)"


class _NoAnswer(Struct, frozen=True):
    """No whole answer came back. What was not sent surely had no effect; what was sent in part may have had one."""

    error: Exception
    is_sent: bool


class Http:
    """Requests to one origin. Close it after use.

    Attributes:
        skew: seconds by which the server's clock is ahead of this machine's, by its last answer (RFC 9110 section
            6.6.1); None when no answer said what time it is.
    """

    def __init__(self, server: HttpServer, transport: Transport, clock: Clock) -> None:
        self._origin = server.origin
        self._transport = transport
        self._clock = clock
        proxy = _proxy(server, transport)
        by = f", through the proxy {proxy.url.scheme}://{proxy.url.netloc.decode()}" if proxy else ""
        self._way = self._origin + by
        self._wires = open_wires(server, transport, proxy)
        self._limits = {"timeout": httpx.Timeout(transport.timeout).as_dict()}
        self._cookies = None if switch("no-cookies") else httpx.Cookies()
        # The one that was used last is taken first: its connection is still there.
        self._free = LifoQueue[httpx.HTTPTransport]()
        for wire in self._wires:
            self._free.put(wire)
        self._is_closed = False
        self.skew: float | None = None

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True  # the library would open new ones, which nobody closes
        for wire in self._wires:
            wire.close()

    def send(self, call: Call) -> Answer:
        """Send a call and return the server's answer of any status. Only a call without effect is sent again.

        Raises:
            UnreachableError: not sent, or a read without an answer.
            UnknownOutcome: a write was sent and no answer came back.
        """
        outcome = self._persist(call)
        if isinstance(outcome, Answer):
            return outcome
        raise self._failure(call, outcome) from outcome.error

    def _persist(self, call: Call) -> Answer | _NoAnswer:
        ends = time.monotonic() + self._transport.deadline
        attempt = 1
        while True:
            outcome = self._attempt(call, ends)
            _log.info("%s %s: %s", call.method, call.shown, _log_words(outcome))
            pause = self._pause(call, outcome, attempt)
            if pause is None or time.monotonic() + pause >= ends:
                return outcome
            _log.info("again in %.1f s", pause)
            if isinstance(outcome, Answer):
                self._transport.tell(f"{self._origin} answers {outcome.status}: asked again in {pause:.0f} s")
            self._clock.sleep(pause)
            attempt += 1

    def _attempt(self, call: Call, ends: float) -> Answer | _NoAnswer:
        limits = self._transport
        exchange = WireExchange(ends, limits.deadline, limits.largest_body + LARGEST_HEAD, call.is_read)
        try:
            wire = self._free.get(timeout=max(0.0, ends - time.monotonic()))
        except Empty:
            return _NoAnswer(httpx.PoolTimeout(f"all {limits.parallelism} connections were busy"), is_sent=False)
        try:
            with serving(exchange):
                return self._exchange(call, wire)
        except Exception as error:
            return _NoAnswer(_safe(error), exchange.is_sent)
        finally:
            self._free.put(wire)

    def _exchange(self, call: Call, wire: httpx.HTTPTransport) -> Answer:
        if self._is_closed:
            raise RuntimeError("the connections to the server are closed")
        headers, url = {**_HEADERS, **call.headers}, self._origin + call.path
        request = httpx.Request(call.method, url, headers=headers, content=call.body or None, extensions=self._limits)
        if self._cookies is not None:
            self._cookies.set_cookie_header(request)
        with closing(wire.handle_request(request)) as response:
            if self._cookies is not None:
                response.request = request
                self._cookies.extract_cookies(response)
            date = parse_date(response.headers.get("date"))
            if date is not None:
                self.skew = (date - self._clock.now()).total_seconds()
            encoding = response.headers.get("content-encoding", "")
            body = decode(response.iter_raw(), encoding, self._transport.largest_body)
            return Answer(response.status_code, response.headers, body, call)

    def _pause(self, call: Call, outcome: Answer | _NoAnswer, attempt: int) -> float | None:
        # A write is sent once, whatever comes back: one that was done, and whose answer got lost, would be done twice.
        if not call.is_read:
            return None
        asked = None
        if isinstance(outcome, Answer):
            if outcome.status not in PASSING:
                return None
            asked = parse_retry_after(outcome.headers.get("retry-after"), self._clock.now())
        return self._transport.retry.pause(attempt, asked, self._transport.chance())

    def _failure(self, call: Call, outcome: _NoAnswer) -> UnreachableError | UnknownOutcome:
        where = f"{call.method} {self._origin}{call.path.partition('?')[0]}"
        why = reason(outcome.error)
        if not outcome.is_sent:
            return self._unreachable(outcome.error, why)
        if call.is_read and is_certificate_refused(outcome.error):
            return self._certificate_refused(why)
        if call.is_read:
            return UnreachableError(
                "the server gave no answer", sent=True, where=where, why=why, fix=self._fix(outcome.error)
            )
        return UnknownOutcome(
            "the request was sent and no answer came back",
            where=where,
            why=f"{why}; iac does not know whether the server did it",
            fix="run it again: iac first reads what the server has",
        )

    def _unreachable(self, error: Exception, why: str) -> UnreachableError:
        untrusted = cause(error, ssl.SSLCertVerificationError)
        if untrusted is not None:
            return self._untrusted(untrusted, why)
        if is_certificate_refused(error):
            return self._certificate_refused(why)
        if isinstance(error, httpx.LocalProtocolError):
            return UnreachableError(
                "the request cannot be sent",
                where=self._origin,
                why=why,
                fix="provide the token as it was given: one line, without spaces",
            )
        if isinstance(error, httpx.ProxyError):
            return UnreachableError(
                "the proxy does not let us through",
                where=self._way,
                why=why,
                fix="check proxy in iac.yaml, or HTTPS_PROXY, which may have user and password, or set proxy: none",
            )
        return UnreachableError("the server cannot be reached", where=self._way, why=why, fix=self._fix(error))

    def _untrusted(self, error: ssl.SSLCertVerificationError, why: str) -> UnreachableError:
        if self._transport.trust:
            fix = f"correct the one that {self._transport.setting} leads to"
        elif error.verify_code in FORM_ERRORS:
            fix = "tls: {ca: FILE} in iac.yaml, which accepts authorities of this form; SSL_CERT_FILE does not"
        else:
            fix = "tls: {ca: FILE} in iac.yaml, or export SSL_CERT_FILE=FILE"
        return UnreachableError(
            "the server's certificate is not trusted",
            where=self._origin,
            why=why,
            fix=f"name the certificate authority: {fix}",
        )

    def _certificate_refused(self, why: str) -> UnreachableError:
        return UnreachableError(
            "the server demands another client certificate",
            where=self._origin,
            why=why,
            fix="name one that it accepts: tls: {certificate: FILE, key: FILE} in iac.yaml",
        )

    def _fix(self, error: Exception) -> str:
        check = f"check that the server runs, and {self._transport.setting} in iac.yaml" + (
            ", and the proxy (proxy in iac.yaml, else HTTPS_PROXY)" if self._way != self._origin else ""
        )
        is_late = isinstance(error, httpx.TimeoutException)
        return f"{check}; if it needs longer, raise timeout or deadline there" if is_late else check


def _safe(error: Exception) -> Exception:
    """The exception as it may be told: the library's words about what it cannot send repeat it."""
    is_unsendable = isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError)
    return httpx.LocalProtocolError(_UNSENDABLE) if is_unsendable else _without_frames(error)


def _without_frames(error: Exception) -> Exception:
    """The exception, and those behind it, without the frames that they came through: these hold what was sent."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _log_words(outcome: Answer | _NoAnswer) -> str:
    if isinstance(outcome, Answer):
        return str(outcome.status)
    return f"{'no answer' if outcome.is_sent else 'not sent'} ({type(outcome.error).__name__})"
