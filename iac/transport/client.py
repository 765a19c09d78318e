"""The HTTP library's client for one server: whom it trusts, by which proxy it goes, on a network of our own."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

from iac import __version__
from iac.core.errors import InputError
from iac.core.limits import DEADLINE, LARGEST_BODY, TIMEOUT
from iac.core.origin import Address, HttpServer
from iac.core.server import switch
from iac.transport.certificate import ssl_context
from iac.transport.retry import RetryPolicy
from iac.transport.wire import WatchedNetwork, httpcore, httpx

_KEPT = 5.0
"""Seconds that a connection without a request is kept."""


@dataclass(frozen=True, slots=True)
class Transport:
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
    trust: Callable[[], ssl.SSLContext] | None = None


def open_client(server: HttpServer, transport: Transport) -> httpx.Client:
    """A client; close it after use.

    Raises:
        InputError: a certificate or the proxy of the settings or the environment cannot be used.
    """
    allowed: list[str] | None = [] if switch("no-cookies") else None
    proxy = _proxy(server, transport)
    return httpx.Client(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=allowed)),
        headers={"User-Agent": f"iac/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(transport.timeout),
        transport=_Pooled(_pool(proxy, _trust(server, transport, proxy), transport.parallelism)),
    )


class _Pooled(httpx.HTTPTransport):
    """The library's own transport over a pool with our network, for which it has no parameter."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool


def _pool(proxy: httpx.Proxy | None, trust: ssl.SSLContext, parallelism: int) -> httpcore.ConnectionPool:
    """Connections without a limit on their number: `Http` lets no more requests through than there may be.

    With a limit the library waits for a free connection, and one whose TLS failed behind a proxy is never free again.
    """
    network = WatchedNetwork()
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=None,
            max_keepalive_connections=parallelism,
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
        max_keepalive_connections=parallelism,
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
