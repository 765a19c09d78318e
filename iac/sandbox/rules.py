"""What a create or update is refused for, as `path: message`, all at once in one error.

The rules are those of IAM's data object; the texts differ between versions and are not held to the
recordings, the paths are (rec: admin-create-rejected, self-service-rejected).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from iac.sandbox import redirect_uri
from iac.sandbox.document import Document
from iac.sandbox.flavour import Facts

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_URL = re.compile(r"(?:https?|ftp|file|mailto|jar):\S*", re.IGNORECASE)
_LIFETIMES = {
    "access_token_validity_seconds": "accessTokenValiditySeconds",
    "refresh_token_validity_seconds": "refreshTokenValiditySeconds",
    "id_token_validity_seconds": "idTokenValiditySeconds",
    "device_code_validity_seconds": "deviceCodeValiditySeconds",
}
_URLS = {
    "client_uri": "clientUri",
    "tos_uri": "tosUri",
    "policy_uri": "policyUri",
    "jwks_uri": "jwksUri",
}

_SECRET = range(4, 512 + 1)
_NAME = range(4, 256 + 1)
_SCOPE = range(1, 2048 + 1)
_MAX_DESCRIPTION = 1024
_MAX_URL = 2048
_MAX_SCOPES = 512

Found = Iterator[tuple[str, str]]
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


def violations(document: Document, operation: Operation, facts: Facts, *, id_taken: bool) -> list[str]:
    """Every fault, `path: message` each. `id_taken`: another client has the client_id.

    Raises:
        ServerCrashError: where IAM itself falls over the value.
    """
    found = [*_identity(document, operation, id_taken=id_taken), *_name(document, operation)]
    found += [*_urls(document), *_contacts(document), *_scope(document), *_pkce(document)]
    found += [*_lifetimes(document, operation), *_jwk(document, operation, facts)]
    found += [*_grants(document), *_redirect_uris(document, facts), *_auth_method(document)]
    return [f"{operation.path}{'.' if path else ''}{path}: {message}" for path, message in found]


def _identity(document: Document, operation: Operation, *, id_taken: bool) -> Found:
    if operation.is_self_service and operation.is_create:
        for name, path in (("client_id", "clientId"), ("client_secret", "clientSecret")):
            if document.get(name) is not None:
                yield path, "must be null in client registration requests"
    elif operation.is_create and id_taken:
        yield "clientId", "Client id not available"
    secret = document.get("client_secret")
    if not operation.is_create and secret is not None and len(secret) not in _SECRET:
        yield "clientSecret", "size must be between 4 and 512"


def _name(document: Document, operation: Operation) -> Found:
    name = document.get("client_name")
    if operation.is_create and not (name or "").strip():
        yield "clientName", "should not be blank"
    if name is not None and len(name) not in _NAME:
        yield "clientName", "Invalid length: must be between 4 and 256 characters"
    if len(document.get("client_description") or "") > _MAX_DESCRIPTION:
        yield "clientDescription", "Invalid length: must be at most 1024 characters"


def _urls(document: Document) -> Found:
    for name, path in _URLS.items():
        url = document.get(name) or ""
        if len(url) > _MAX_URL:
            yield path, "size must be between 0 and 2048"
        if url and not _URL.fullmatch(url):
            yield path, "must be a valid URL"


def _contacts(document: Document) -> Found:
    for contact in document.get("contacts") or ():
        if contact and not _EMAIL.fullmatch(contact):
            yield "contacts[].<iterable element>", "must be a well-formed email address"


def _scope(document: Document) -> Found:
    scopes = document.get("scope") or ()
    if len(scopes) > _MAX_SCOPES:
        yield "scope", "size must be between 0 and 512"
    for scope in scopes:
        if not scope.strip():
            yield "scope[].<iterable element>", "must not include blank strings"
        if len(scope) not in _SCOPE:
            yield "scope[].<iterable element>", "string size must be between 1 and 2048"


def _pkce(document: Document) -> Found:
    if document.get("code_challenge_method") not in {None, "", "none", "plain", "S256"}:
        yield "codeChallengeMethod", "must be either an empty string, none, plain or S256"


def _lifetimes(document: Document, operation: Operation) -> Found:
    if operation.is_create and not operation.is_self_service:
        for name, path in _LIFETIMES.items():
            if (document.get(name) or 0) < 0:
                yield path, "must be greater than or equal to 0"


def _jwk(document: Document, operation: Operation, facts: Facts) -> Found:
    if not operation.is_self_service and len(document.get("jwk") or "") > facts.jwk_limit:
        yield "jwk", f"size must be between 0 and {facts.jwk_limit}"


def _grants(document: Document) -> Found:
    if "authorization_code" in (document.get("grant_types") or ()) and not document.get("redirect_uris"):
        yield "", "Authorization code requires a valid redirect uri"


def _redirect_uris(document: Document, facts: Facts) -> Found:
    uris = document.get("redirect_uris") or ()
    if facts.strict_redirect_uris:
        return redirect_uri.strict_violations(uris)
    return redirect_uri.lax_violations(uris)


def _auth_method(document: Document) -> Found:
    keyed = document.get("jwks_uri") or document.get("jwk")
    if document.get("token_endpoint_auth_method") == "private_key_jwt" and not keyed:
        yield "", "private_key_jwt requires a jwks uri or a jwk value"
