"""The token endpoint, introspection and the user's own data."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from iac.sandbox import access, login
from iac.sandbox.message import (
    JSON_UTF8,
    RefusalError,
    Response,
    empty,
    json_response,
    oauth_error,
)
from iac.sandbox.model import Account, Client, Grant
from iac.sandbox.world import Call, World

_SUPPORTED = frozenset({"client_credentials", "password"})


def token(call: Call) -> Response:
    """POST /token: client_credentials, and password for the seed's users (RFC 6749 sections 4.3 and 4.4).

    Scopes are checked before grants (rec: login); without scope the token has all of the client's. A refresh token is
    always a wrong one.
    """
    world, form = call.world, read_form(call)
    client = login.authenticate(world, call.request, form)
    scopes = _asked_scopes(client, form)
    grant = form.get("grant_type", "")
    if grant not in client.grant_types:
        raise _invalid_client("Unauthorized grant type")
    if not client.active:
        raise _invalid_client(f"Client is suspended: {client.client_id}")
    if grant == "refresh_token":
        raise _no_refresh_token()
    if grant not in _SUPPORTED:
        raise RefusalError(oauth_error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}"))
    account = _user(world, form) if grant == "password" else None
    seconds = client.access_token_validity_seconds or 3600
    body = {
        "access_token": access.issue(world, client, account, scopes),
        "token_type": "Bearer",
        "expires_in": seconds - 1,
    }
    if scopes:
        body["scope"] = " ".join(scopes)
    return Response(200, {"cache-control": "no-store", "content-type": JSON_UTF8}, json.dumps(body).encode())


def read_form(call: Call) -> dict[str, str]:
    """The request's form; a field that stands twice counts once."""
    return dict(parse_qsl(call.request.body.decode(errors="replace"), keep_blank_values=True))


def _asked_scopes(client: Client, form: Mapping[str, str]) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(form.get("scope", "").split()))
    for name in asked:
        if name not in client.scope:
            text = f"Scope '{name}' not allowed for client '{client.client_id}'"
            raise RefusalError(oauth_error(400, "invalid_scope", text))
    return asked or client.scope


def _no_refresh_token() -> RefusalError:
    """The sandbox gives no refresh tokens, so none is right; by the sources of the MitreID library."""
    return RefusalError(oauth_error(401, "invalid_token", "Invalid refresh token", challenge="Bearer"))


def _invalid_client(text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "invalid_client", text, challenge="Bearer"))


def _user(world: World, form: Mapping[str, str]) -> Account:
    account = world.store.account_by_name(form.get("username", ""))
    if account is None or account.password != form.get("password"):
        raise RefusalError(oauth_error(400, "invalid_grant", "Bad credentials"))
    return account


def introspect(call: Call) -> Response:
    """POST /introspect (RFC 7662); its form differs (rec: admin-revoke-and-reset).

    By the sources of IAM (IntrospectEndpointAuthorizationConfig) it takes HTTP Basic alone, from clients of every auth
    method, and needs allow_introspection, which the recorded callers have.
    """
    world, form = call.world, read_form(call)
    if not login.authenticate_basic(world, call.request).allow_introspection:
        return empty(403)
    grant = access.introspect(world, form.get("token", ""))
    response = json_response(200, {"active": False} if grant is None else _described(world, grant))
    return response if world.facts.introspection_has_jti else response.with_header("content-type", JSON_UTF8)


def _described(world: World, grant: Grant) -> dict[str, Any]:
    seconds = (grant.expires_ms or 0) // 1000
    described = {
        "active": True,
        "sub": grant.account.uuid if grant.account else grant.client_id,
        "scope": " ".join(sorted(grant.scopes)),
        "iss": world.issuer,
        "exp": seconds,
        "client_id": grant.client_id,
    }
    if world.facts.introspection_has_jti:
        times = {"iat": grant.issued_ms // 1000, "jti": grant.token_id}
        return described | {"token_type": "ACCESS_TOKEN"} | times
    until = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    return described | {"token_type": "Bearer", "expires_at": until}


def scim_me(call: Call) -> Response:
    """GET /scim/Me: the user's account."""
    return json_response(200, dict(access.demand_user(call).representation))


def userinfo(call: Call) -> Response:
    """GET /userinfo (OpenID Connect Core section 5.3)."""
    user = access.demand_user(call)
    claims = {"sub": user.uuid, "preferred_username": user.username, "email": user.email}
    return json_response(200, claims | {"name": user.representation["name"]["formatted"]})
