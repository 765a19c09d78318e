"""How a client proves at the token endpoint who it is: Basic, form, or a signed assertion."""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from iac.sandbox import jose
from iac.sandbox.access import CHALLENGE
from iac.sandbox.message import RefusalError, Request, oauth_error
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
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _by_basic(world, credentials, is_enforced=world.facts.auth_method_enforced)
    if form.get("client_assertion_type") == _JWT_BEARER:
        return _by_assertion(world, form)
    return _by_form(world, form.get("client_id", ""), form.get("client_secret", ""))


def authenticate_basic(world: World, request: Request) -> Client:
    """The client that sends the request to an endpoint which takes HTTP Basic alone, whatever its method.

    Raises:
        RefusalError: 401 when it is unknown or its secret wrong.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return _by_basic(world, credentials if scheme.lower() == "basic" else "", is_enforced=False)


def _by_basic(world: World, credentials: str, *, is_enforced: bool) -> Client:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        text = ""
    client_id, _, secret = text.partition(":")
    client = world.store.find(client_id) or world.store.find(unquote_plus(client_id))
    if client is None:
        raise _unauthorized(CHALLENGE, "Bad credentials")
    method = client.token_endpoint_auth_method
    if is_enforced and method not in {"client_secret_basic", "none"}:
        raise _unauthorized(CHALLENGE, _UNSUPPORTED)
    if (client.client_secret or "") not in {secret, unquote_plus(secret)}:
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


def _by_assertion(world: World, form: Mapping[str, str]) -> Client:
    """A client by its signed JWT (RFC 7523 section 3)."""
    try:
        head, payload, mac = form.get("client_assertion", "").split(".")
        header, claims = json.loads(jose.decode(head)), json.loads(jose.decode(payload))
        client = world.store.find(str(claims.get("sub")))
        data = f"{head}.{payload}".encode()
        proven = client is not None and _is_signed(world, client, header, data, jose.decode(mac))
    except (ValueError, AttributeError, TypeError, KeyError) as broken:
        raise _bad_client() from broken
    if client is None or not proven or not _is_meant(world, claims, form):
        raise _bad_client()
    return client


def _is_signed(world: World, client: Client, header: Mapping[str, Any], data: bytes, mac: bytes) -> bool:
    algorithm = str(header.get("alg"))
    if client.token_endpoint_auth_method == "client_secret_jwt":  # noqa: S105 - the name of a method
        return bool(client.client_secret) and jose.verify_secret(algorithm, client.client_secret or "", data, mac)
    if client.token_endpoint_auth_method in SECRET_METHODS:
        return False
    kid = header.get("kid")
    keys = [key for key in _keys(world, client) if kid is None or key.get("kid") in {None, kid}]
    return any(jose.verify_key(algorithm, key, data, mac) for key in keys)


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


def _is_meant(world: World, claims: Mapping[str, Any], form: Mapping[str, str]) -> bool:
    """Whether issuer, subject, audience and times are those of RFC 7523 section 3.

    What IAM demands beyond it is from its sources (IAMJWTBearerAuthenticationProvider): the token endpoint as audience,
    a `jti`; clocks may differ by 5 minutes.
    """
    audience = claims.get("aud")
    audiences = set(audience if isinstance(audience, list) else [audience])
    now = world.chance.now_ms() / 1000
    expiry, not_before = claims.get("exp"), claims.get("nbf", 0)
    return (
        claims.get("iss") == claims.get("sub")
        and form.get("client_id", claims.get("sub")) == claims.get("sub")
        and f"{world.issuer}token" in audiences
        and bool(claims.get("jti"))
        and isinstance(expiry, int | float)
        and expiry > now - _LEEWAY_SECONDS
        and isinstance(not_before, int | float)
        and not_before < now + _LEEWAY_SECONDS
    )


def _unauthorized(challenge: str, text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "unauthorized", text, challenge=challenge))


def _bad_client() -> RefusalError:
    text = "Bad client credentials"
    return RefusalError(oauth_error(401, "invalid_client", text, challenge=FORM_CHALLENGE))
