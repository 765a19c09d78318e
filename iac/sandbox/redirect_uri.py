"""Which redirect URIs a server takes: java.net.URI's grammar, and the rules laid over it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iac.sandbox.message import ServerCrashError

ELEMENT = "redirectUris[].<iterable element>"
_AGENT = "edu.kit.data.oidc-agent:/redirect"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ILLEGAL = re.compile(r'[\x00-\x20\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')
_HOST = re.compile(
    r"(?:[^@]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*"
    r"(?:[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?|[0-9]+)\.?)(?::[0-9]*)?"
)


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts that the rules look at; `host` is None where the authority is no host name."""

    scheme: str | None
    host: str | None
    has_fragment: bool


def parse(text: str) -> Uri | None:
    """The URI, or None where java.net.URI throws (rec: admin-redirect-uris-more)."""
    before, hash_sign, fragment = text.partition("#")
    if _ILLEGAL.search(before) or _ILLEGAL.search(fragment):
        return None
    match = _SCHEME.match(before)
    scheme = match[1] if match else None
    rest = before[match.end() :] if match else before
    if (scheme and not rest) or rest == "//":
        return None
    authority = re.split("[/?]", rest[2:], maxsplit=1)[0] if rest.startswith("//") else ""
    host = _HOST.fullmatch(authority)
    return Uri(scheme, host["host"] if host else None, bool(hash_sign))


def lax_violations(uris: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Property and message of each fault, by the rules up to 1.13 (rec: admin-redirect-uris)."""
    for text in uris:
        uri = parse(text)
        if uri is None:
            yield ELEMENT, f"Invalid redirect URI: {text}"
        elif uri.scheme is None:
            yield ELEMENT, "Invalid redirect URI: no scheme set"
        elif uri.has_fragment:
            yield "", "Invalid redirect URI: contains a fragment"


def strict_violations(uris: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The same by the rules of 1.13.5 and 1.14: https, or http on loopback (rec: admin-redirect-uris)."""
    for text in uris:
        message = _strict_fault(text)
        if message is not None:
            yield "", message
            return


def _strict_fault(text: str) -> str | None:
    if text == _AGENT:
        return None
    uri = parse(text)
    if uri is None:
        return "Invalid redirect URI"
    if uri.has_fragment:
        return "Invalid redirect URI: contains a fragment"
    scheme = (uri.scheme or "null").lower()
    if scheme not in {"http", "https"}:
        return f"Invalid redirect URI scheme: {uri.scheme or 'null'}"
    return None if scheme == "https" else _plain_http_fault(uri.host)


def _plain_http_fault(host: str | None) -> str | None:
    if host is None:
        raise ServerCrashError
    return None if host in _LOOPBACK else "Plain http redirect URIs are only allowed for loopback"
