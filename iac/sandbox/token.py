"""The token endpoint, introspection and the user's own data."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iac.sandbox import access, device, login, model
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

OFFLINE = "offline_access"
_REFRESH = "refresh_token"


def token(call: Call) -> Response:
    """POST /token: client_credentials, password for the seed's users, device and refresh tokens (RFC 6749, 8628).

    Scopes are checked before grants (rec: login); without scope the token has all of the client's.
    """
    world, form = call.world, call.request.form()
    client = login.authenticate(world, call.request, form)
    scopes = access.asked_scopes(client, form)
    grant = form.get("grant_type", "")
    if grant not in client.grant_types:
        raise _invalid_client("Unauthorized grant type")
    if not client.active:
        raise _invalid_client(f"Client is suspended: {client.client_id}")
    match grant:
        case "client_credentials":
            return _answer(world, client, None, scopes)
        case "password":
            account = _user(world, form)
            return _answer(world, client, account, scopes, _new_refresh_token(world, client, account, scopes))
        case model.DEVICE_GRANT:
            account, granted = device.redeem(world, client, form)
            return _answer(world, client, account, granted, _new_refresh_token(world, client, account, granted))
        case "refresh_token":
            return _refreshed(world, client, form)
    raise RefusalError(oauth_error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}"))


def _answer(
    world: World, client: Client, account: Account | None, scopes: tuple[str, ...], refresh: str | None = None
) -> Response:
    body = {
        "access_token": access.issue(world, client, account, scopes),
        "token_type": "Bearer",
        **({"refresh_token": refresh} if refresh else {}),
        "expires_in": (client.access_token_validity_seconds or 3600) - 1,
    }
    if scopes:
        body["scope"] = " ".join(scopes)
    return Response(200, {"cache-control": "no-store", "content-type": JSON_UTF8}, json.dumps(body).encode())


def _new_refresh_token(world: World, client: Client, account: Account | None, scopes: tuple[str, ...]) -> str | None:
    """A refresh token where scope and grant are there for it; 0 seconds are for ever (rec: admin-lifetimes)."""
    if OFFLINE not in scopes or _REFRESH not in client.grant_types:
        return None
    token_id, now = world.chance.new_token_id(), world.chance.now_ms()
    seconds = client.refresh_token_validity_seconds
    expires = now + seconds * 1000 if seconds else None
    grant = Grant(client.key, client.client_id or "", account, frozenset(scopes), token_id, now, expires)
    world.store.refresh_tokens[token_id] = grant
    return token_id


def _refreshed(world: World, client: Client, form: Mapping[str, str]) -> Response:
    """A new access token; a refresh token is good for once unless the client reuses it (reuse_refresh_token)."""
    given = form.get("refresh_token", "")
    held = world.store.refresh_tokens.get(given)
    now = world.chance.now_ms()
    if held is None or held.client_key != client.key or (held.expires_ms is not None and held.expires_ms <= now):
        raise RefusalError(oauth_error(401, "invalid_token", f"Invalid refresh token: {given}", challenge="Bearer"))
    scopes = tuple(form["scope"].split()) if form.get("scope") else tuple(sorted(held.scopes))
    if not held.scopes.issuperset(scopes):
        raise RefusalError(oauth_error(400, "invalid_scope", "Up-scoping is not allowed."))
    if client.reuse_refresh_token:
        return _answer(world, client, held.account, scopes, given)
    del world.store.refresh_tokens[given]
    refresh = _new_refresh_token(world, client, held.account, tuple(sorted(held.scopes)))
    return _answer(world, client, held.account, scopes, refresh)


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
    world, form = call.world, call.request.form()
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
