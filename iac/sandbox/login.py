"""How a client proves at the token endpoint who it is: Basic, form, or a signed assertion."""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from iac.sandbox import jose
from iac.sandbox.access import CHALLENGE
from iac.sandbox.message import RefusalError, Request, ServerCrashError, oauth_error
from iac.sandbox.model import SECRET_METHODS, Client
from iac.sandbox.world import World

FORM_CHALLENGE = 'Form realm="oauth"'
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_UNSUPPORTED = "Client does not support basic authentication"
_PUBLIC = "Public client requires no secret"
_LEEWAY_SECONDS = 300

_log = logging.getLogger(__name__)


def authenticate(world: World, request: Request, form: Mapping[str, str]) -> Client:
    """The client that sends the request.

    Raises:
        RefusalError: 401 when it is unknown, its proof wrong or, from 1.14, its method another (rec: login,
            admin-auth-method-matrix).
    """
    # An assertion wins over all else, Basic over the form (rec: client-auth-methods 20 to 27).
    if form.get("client_assertion_type") == _JWT_BEARER and form.get("client_assertion"):
        return _by_assertion(world, form["client_assertion"])
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _by_basic(world, credentials, is_enforced=world.facts.auth_method_enforced)
    if not form.get("client_id"):
        raise _unauthorized(CHALLENGE, "Full authentication is required to access this resource")
    return _by_form(world, form["client_id"].strip(), form.get("client_secret", ""))


def authenticate_basic(world: World, request: Request) -> Client:
    """The client that sends the request to an endpoint which takes HTTP Basic alone, whatever its method.

    Raises:
        RefusalError: 401 when it is unknown or its secret wrong.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _unauthorized(CHALLENGE, "Full authentication is required to access this resource")
    return _by_basic(world, credentials, is_enforced=False)


def _by_basic(world: World, credentials: str, *, is_enforced: bool) -> Client:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        text = ""
    # As it is: percent-encoded as RFC 6749 section 2.3.1 has it, it is refused (rec: client-auth-methods 29 to 32).
    client_id, _, secret = text.partition(":")
    client = world.store.find(client_id)
    if client is None:
        raise _unauthorized(CHALLENGE, "Bad credentials")
    method = client.token_endpoint_auth_method
    if is_enforced and method not in {"client_secret_basic", "none"}:
        raise _unauthorized(CHALLENGE, _UNSUPPORTED)
    if (client.client_secret or "") != secret:
        raise _unauthorized(CHALLENGE, "Bad credentials")
    if is_enforced and method == "none":
        raise _unauthorized(CHALLENGE, _PUBLIC)
    return client


def _by_form(world: World, client_id: str, secret: str) -> Client:
    client = world.store.find(client_id)
    if client is not None and world.facts.auth_method_enforced:
        _check_form_method(client, secret)
    if client is None or (client.client_secret or "") != secret:
        raise _bad_client()
    return client


def _check_form_method(client: Client, secret: str) -> None:
    method = client.token_endpoint_auth_method
    if method == "none" and (secret or client.client_secret):
        raise _unauthorized(FORM_CHALLENGE, _PUBLIC)
    if method in {"client_secret_jwt", "private_key_jwt"}:
        raise _unauthorized(FORM_CHALLENGE, _UNSUPPORTED)


def _by_assertion(world: World, assertion: str) -> Client:
    """A client by its signed JWT (RFC 7523 section 3; rec: client-assertion).

    Raises:
        RefusalError: 401, invalid_client unless it is a JWT and unauthorized for a wrong one.
        ServerCrashError: for a subject that is not a client.
    """
    try:
        head, payload, mac = assertion.split(".")
        header, claims = json.loads(jose.decode(head)), json.loads(jose.decode(payload))
        subject, signature = claims.get("sub"), jose.decode(mac)
        client = world.store.find(str(subject))
        if client is None:
            raise ServerCrashError
        proven = _is_signed(world, client, header, f"{head}.{payload}".encode(), signature)
    except (ValueError, AttributeError, TypeError, KeyError) as broken:
        raise _bad_client() from broken
    if not proven or not _is_meant(world, claims):
        raise _unauthorized(FORM_CHALLENGE, "invalid jwt bearer assertion")
    return client


def _is_signed(world: World, client: Client, header: Mapping[str, Any], data: bytes, mac: bytes) -> bool:
    algorithm = str(header.get("alg"))
    if client.token_endpoint_auth_method == "client_secret_jwt":  # noqa: S105 - the name of a method
        return bool(client.client_secret) and jose.verify_secret(algorithm, client.client_secret or "", data, mac)
    if client.token_endpoint_auth_method in SECRET_METHODS:
        return False
    # Whatever kid the header names, all keys are tried (rec: client-assertion 52).
    return any(jose.verify_key(algorithm, key, data, mac) for key in _keys(world, client))


def _keys(world: World, client: Client) -> Iterable[Mapping[str, Any]]:
    """The client's public keys, by value or from its jwks_uri."""
    text = client.jwk
    if client.jwks_uri:
        try:
            text = world.chance.fetch(client.jwks_uri)
        except (OSError, ValueError) as unreachable:
            _log.warning("cannot read %s: %s", client.jwks_uri, unreachable)
    keys = json.loads(text or "{}").get("keys", [])
    return [key for key in keys if isinstance(key, dict)]


def _is_meant(world: World, claims: Mapping[str, Any]) -> bool:
    """Whether issuer, subject, audience and times are those of RFC 7523 section 3 (rec: client-assertion).

    Beyond it IAM demands the token endpoint as audience and a `jti`, which may come twice; clocks may differ by 5
    minutes.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    latest = world.chance.now_ms() / 1000 + _LEEWAY_SECONDS
    expiry = claims.get("exp")
    begins = (claims.get("nbf", 0), claims.get("iat", 0))
    return (
        claims.get("iss") == claims.get("sub")
        and f"{world.issuer}token" in audiences
        and bool(claims.get("jti"))
        and isinstance(expiry, int | float)
        and expiry > latest - 2 * _LEEWAY_SECONDS
        and all(isinstance(begin, int | float) and begin < latest for begin in begins)
    )


def _unauthorized(challenge: str, text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "unauthorized", text, challenge=challenge))


def _bad_client() -> RefusalError:
    text = "Bad client credentials"
    return RefusalError(oauth_error(401, "invalid_client", text, challenge=FORM_CHALLENGE))
