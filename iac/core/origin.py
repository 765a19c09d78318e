"""Servers that credentials may go to: which addresses belong to one, and what is wrong with an address. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from iac.core.errors import CredentialsError, InputError

_PORTS = {"https": 443, "http": 80}


HOW_URL = "an https URL, or http on localhost, without a login in it"
HOLDS_LOGIN = "it contains a name or a password, and iac.yaml is in version control"
IN_CLEAR = "http is for loopback hosts only: credentials would cross the network in clear"


class HttpServer(Struct, frozen=True):
    """What HTTP needs to know of a server.

    Attributes:
        origin: scheme, host and port as they are dialled, such as `https://iam.example.org`.
        path: what follows in an address of it.
        is_loopback: the host is this machine.
    """

    origin: str
    path: str
    is_loopback: bool


class Address(HttpServer, frozen=True):
    """One URL, without credentials of its own. `path` is percent-encoded, with its query."""

    @classmethod
    def parse(cls, url: str) -> Address | None:
        """Read a URL; None unless it is https, or http on this machine, and holds no credentials."""
        parts = _split(url)
        if parts is None or parts.scheme not in _PORTS or parts.fragment or "@" in parts.netloc:
            return None
        is_loopback = _is_loopback(parts.hostname or "")
        if parts.scheme == "http" and not is_loopback:
            return None
        return cls(_origin(parts), _path(parts), is_loopback)

    @property
    def shown(self) -> str:
        """The address as messages show it: without its query."""
        return self.origin + self.path.partition("?")[0]


class Issuer(HttpServer, frozen=True):
    """An OAuth issuer. Its addresses begin with `path` after the origin: "" or `/context`, no slash at the end.

    Attributes:
        url: as it is configured.
    """

    url: str

    @classmethod
    def parse(cls, url: str) -> Issuer:
        """Read an issuer as configured (RFC 8414 section 2: https, no query, no fragment).

        Raises:
            InputError: no such URL, or plain http to another machine.
        """
        parts = _split(url)
        if parts is None or parts.scheme not in _PORTS or parts.query or parts.fragment or "@" in parts.netloc:
            raise InputError(
                "the issuer is not a usable URL",
                where=url,
                fix="give the issuer as its discovery document has it, such as https://iam.example.org/",
            )
        is_loopback = _is_loopback(parts.hostname or "")
        if parts.scheme == "http" and not is_loopback:
            raise InputError(
                "the issuer is plain http",
                where=url,
                why="secrets and tokens would cross the network in clear; http is for loopback hosts only",
                fix=f"issuer: https://{parts.netloc}{parts.path}",
            )
        return cls(_origin(parts), parts.path.rstrip("/"), is_loopback, url)

    def is_same(self, other: str) -> bool:
        """Whether `other` names this issuer: equal up to one trailing slash."""
        return self.url.removesuffix("/") == other.removesuffix("/")

    def path_of(self, endpoint: str) -> str:
        """The path (with its query) of an endpoint that the issuer declares.

        Raises:
            CredentialsError: the endpoint is on another origin, where no credentials are sent.
        """
        parts = _split(endpoint)
        if parts is None or parts.scheme not in _PORTS or _origin(parts) != self.origin:
            raise CredentialsError(
                "the server declares an endpoint on another origin; nothing is sent there",
                where=endpoint,
                why=f"credentials go to {self.origin} only",
                fix="set issuer in iac.yaml to the server's own address",
            )
        return _path(parts)


def is_uri(text: object) -> bool:
    """Whether the text is an absolute URI without spaces (RFC 3986 section 3), its port a port."""
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        return not isinstance(text, str)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme) and not (parts.scheme in {"http", "https"} and not parts.hostname)


def is_same_origin(issuer: str, url: str) -> bool:
    """Whether a URL is on the server of an issuer."""
    origins = [_origin(parts) for address in (issuer, url) if (parts := _split(address)) and parts.scheme in _PORTS]
    return origins[:1] == origins[1:]


def url_problem(url: str) -> str:
    """Why no credentials are sent to a URL; "" where they are: https, or http on loopback, as for an issuer.

    The words never hold the URL: somebody may have written a password into it. A query is refused for that reason.
    """
    if not is_uri(url) or "\\" in url:
        return "it is not a URL"
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return HOLDS_LOGIN
    if parts.scheme not in {"https", "http"} or parts.query or parts.fragment:
        return "it is not an https URL, or has more than a host and a path"
    if Address.parse(url):
        return ""
    return IN_CLEAR if parts.scheme == "http" else "it is not a URL"


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if has_host else None


def _path(parts: SplitResult) -> str:
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = parts.port or _PORTS[parts.scheme]
    suffix = "" if port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
