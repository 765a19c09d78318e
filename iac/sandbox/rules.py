"""What a create or update is refused for, as `path: message`, all at once in one error.

The rules are those of IAM's data object; the texts differ between versions and are not held to the
recordings, the paths are (rec: admin-create-rejected, self-service-rejected).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iac.sandbox.document import Document, read_document
from iac.sandbox.flavour import FlavourFacts
from iac.sandbox.message import RefusalError, ServerCrashError, error
from iac.sandbox.model import FIELDS, FieldKind
from iac.sandbox.world import ApiCall

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_URL = re.compile(r"(?:https?|ftp|file|mailto|jar):\S*", re.IGNORECASE)
_ELEMENT = "redirectUris[].<iterable element>"
_AGENT = "edu.kit.data.oidc-agent:/redirect"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]"})
_NO_HOST = ""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ILLEGAL = re.compile(r'[\x00-\x20\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')
_HOST = re.compile(
    r"(?:[^@]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*"
    r"(?:[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?|[0-9]+)\.?)(?P<port>:.*)?"
)

_SECRET = range(4, 512 + 1)
_NAME = range(4, 256 + 1)
_SCOPE = range(1, 2048 + 1)
_MAX_DESCRIPTION = 1024
_MAX_URL = 2048
_MAX_SCOPES = 512

Faults = Iterator[tuple[str, str]]
"""Property path below the operation's, "" for the whole object, and message."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One of the four calls that take a client; `path` begins every property path of its errors."""

    path: str
    is_create: bool
    is_self_service: bool


SAVE = Operation("saveNewClient.client", is_create=True, is_self_service=False)
UPDATE = Operation("updateClient.client", is_create=False, is_self_service=False)
REGISTER = Operation("registerClient.request", is_create=True, is_self_service=True)
REREGISTER = Operation("updateClient.request", is_create=False, is_self_service=True)


def checked_document(call: ApiCall, operation: Operation) -> Document:
    """The request's document, past all validation.

    Raises:
        RefusalError: 415 or 400, with every fault at once.
        ServerCrashError: where IAM itself falls over the document.
    """
    document = read_document(call.request, call.world.facts)
    client_id = document.get("client_id")
    id_taken = client_id is not None and call.world.store.find(client_id) is not None
    faults = [*_identity(document, operation, id_taken=id_taken), *_name(document, operation)]
    faults += [*_urls(document), *_contacts(document), *_scope(document), *_pkce(document)]
    faults += [*_lifetimes(document, operation), *_jwk(document, operation, call.world.facts)]
    faults += [*_grants(document), *_redirect_uris(document, call.world.facts), *_auth_method(document)]
    if faults:
        texts = [f"{operation.path}{'.' if path else ''}{path}: {message}" for path, message in faults]
        raise RefusalError(error(400, ", ".join(texts)))
    return document


def _of_kind(kind: FieldKind) -> Iterator[str]:
    return (name for name, row in FIELDS.items() if row.kind is kind)


def _property(name: str) -> str:
    """The name of IAM's Java property, which its errors have: `client_uri` is `clientUri`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _identity(document: Document, operation: Operation, *, id_taken: bool) -> Faults:
    if operation.is_self_service and operation.is_create:
        for name in ("client_id", "client_secret"):
            if document.get(name) is not None:
                yield _property(name), "must be null in client registration requests"
    elif operation.is_create and id_taken:
        yield "clientId", "Client id not available"
    secret = document.get("client_secret")
    if not operation.is_create and secret is not None and len(secret) not in _SECRET:
        yield "clientSecret", "size must be between 4 and 512"


def _name(document: Document, operation: Operation) -> Faults:
    name = document.get("client_name")
    if operation.is_create and not (name or "").strip():
        yield "clientName", "should not be blank"
    if name is not None and len(name) not in _NAME:
        yield "clientName", "Invalid length: must be between 4 and 256 characters"
    if len(document.get("client_description") or "") > _MAX_DESCRIPTION:
        yield "clientDescription", "Invalid length: must be at most 1024 characters"


def _urls(document: Document) -> Faults:
    for name in _of_kind(FieldKind.URL):
        url = document.get(name) or ""
        if len(url) > _MAX_URL:
            yield _property(name), "size must be between 0 and 2048"
        if url and not _URL.fullmatch(url):
            yield _property(name), "must be a valid URL"


def _contacts(document: Document) -> Faults:
    for contact in document.get("contacts") or ():
        if contact and not _EMAIL.fullmatch(contact):
            yield "contacts[].<iterable element>", "must be a well-formed email address"


def _scope(document: Document) -> Faults:
    scopes = document.get("scope") or ()
    if len(scopes) > _MAX_SCOPES:
        yield "scope", "size must be between 0 and 512"
    for scope in scopes:
        if not scope.strip():
            yield "scope[].<iterable element>", "must not include blank strings"
        if len(scope) not in _SCOPE:
            yield "scope[].<iterable element>", "string size must be between 1 and 2048"


def _pkce(document: Document) -> Faults:
    if document.get("code_challenge_method") not in {None, "", "none", "plain", "S256"}:
        yield "codeChallengeMethod", "must be either an empty string, none, plain or S256"


def _lifetimes(document: Document, operation: Operation) -> Faults:
    if operation.is_create and not operation.is_self_service:
        for name in _of_kind(FieldKind.LIFETIME):
            if (document.get(name) or 0) < 0:
                yield _property(name), "must be greater than or equal to 0"


def _jwk(document: Document, operation: Operation, facts: FlavourFacts) -> Faults:
    if not operation.is_self_service and len(document.get("jwk") or "") > facts.jwk_limit:
        yield "jwk", f"size must be between 0 and {facts.jwk_limit}"


def _grants(document: Document) -> Faults:
    if "authorization_code" in (document.get("grant_types") or ()) and not document.get("redirect_uris"):
        yield "", "Authorization code requires a valid redirect uri"


def _auth_method(document: Document) -> Faults:
    keyed = document.get("jwks_uri") or document.get("jwk")
    if document.get("token_endpoint_auth_method") == "private_key_jwt" and not keyed:
        yield "", "private_key_jwt requires a jwks uri or a jwk value"


def _redirect_uris(document: Document, facts: FlavourFacts) -> Faults:
    uris = document.get("redirect_uris") or ()
    return _strict_faults(uris) if facts.strict_redirect_uris else _lax_faults(uris)


@dataclass(frozen=True, slots=True)
class _Uri:
    """The parts that the rules look at.

    `host` is None where the authority is not a host name, and `_NO_HOST` where the port is not a number: the strict
    rules crash on the one and refuse the other (rec: admin-redirect-uris-more 23, admin-redirect-uris-odd 0).
    """

    scheme: str | None
    host: str | None
    has_fragment: bool


def _parse_uri(text: str) -> _Uri | None:
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
    match = _HOST.fullmatch(authority)
    host = match["host"] if match else None
    if match and not re.fullmatch("(:[0-9]*)?", match["port"] or ""):
        host = _NO_HOST
    return _Uri(scheme, host, bool(hash_sign))


def _lax_faults(uris: Iterable[str]) -> Faults:
    """Property and message of each fault, by the rules up to 1.13 (rec: admin-redirect-uris)."""
    for text in uris:
        uri = _parse_uri(text)
        if uri is None:
            yield _ELEMENT, f"Invalid redirect URI: {text}"
        elif uri.scheme is None:
            yield _ELEMENT, "Invalid redirect URI: no scheme set"
        elif uri.has_fragment:
            yield "", "Invalid redirect URI: contains a fragment"


def _strict_faults(uris: Iterable[str]) -> Faults:
    """The same by the rules of 1.13.5 and 1.14: https, or http on loopback (rec: admin-redirect-uris)."""
    for text in uris:
        message = _strict_fault(text)
        if message is not None:
            yield "", message
            return


def _strict_fault(text: str) -> str | None:
    if text == _AGENT:
        return None
    uri = _parse_uri(text)
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
