"""The token endpoint, introspection and the user's own data."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from iac.sandbox import access, authorization, device, exchange, login, model
from iac.sandbox.gaps import gap
from iac.sandbox.message import (
    JSON_UTF8,
    RefusalError,
    Response,
    ServerCrashError,
    empty,
    html_error,
    json_response,
    not_allowed,
    oauth_error,
    redirect,
)
from iac.sandbox.model import GRANT_TYPES, JWT_BEARER_GRANT, Account, Client, Grant
from iac.sandbox.world import ApiCall, World

OFFLINE = "offline_access"
REFRESH = "refresh_token"
_ADMIN_SCOPES = ("iam:admin.", "scim:")  # given to administrators alone (rec: password 16 to 18)


_GRANTS = GRANT_TYPES | {JWT_BEARER_GRANT}


def token(call: ApiCall) -> Response:
    """POST /token (RFC 6749, 8628): client_credentials, password for the seed's users, codes and refresh tokens.

    A browser gets no errors: they go to the error page, which takes GET alone (rec: token-errors 23, 24).
    """
    try:
        return _token(call)
    except RefusalError as refusal:
        if call.request.headers.get("accept") == "text/html":
            raise ServerCrashError from refusal
        raise


def wrong_method(call: ApiCall) -> Response:
    """GET /token, which names its methods only to a client that logs in (rec: token-errors 14, 15)."""
    login.authenticate(call.world, call.request, {})
    return oauth_error(405, "method_not_allowed", f"Request method '{call.request.method}' not supported")


def options(call: ApiCall) -> Response:  # noqa: ARG001 - every handler takes a call
    """OPTIONS /token."""
    return empty(200).with_header("allow", "POST,GET,HEAD,OPTIONS")


def other_path(call: ApiCall) -> Response:  # noqa: ARG001 - every handler takes a call
    """POST /token/: the filter that logs clients in has the path without the slash (rec: token-errors 27)."""
    text = "There is no client authentication. Try adding an appropriate authentication filter."
    raise RefusalError(oauth_error(401, "unauthorized", text, challenge="Bearer"))


def _token(call: ApiCall) -> Response:
    """IAM's order of checks: client, grant_type there, client_id, scope, grant known, grant allowed, grant itself.

    Suspension is seen last, by a grant that would succeed (rec: disabled-client, client-credentials-errors 26, 27).
    """
    world, asked = call.world, call.request.parameters()
    client = login.authenticate(world, call.request, asked)
    grant = asked.get("grant_type")
    if grant is None or (grant == REFRESH and "refresh_token" not in asked):
        raise RefusalError(oauth_error(500, "server_error", "Internal Server Error"))
    if asked.get("client_id", client.client_id) != client.client_id:
        raise _invalid_client("Given client ID does not match authenticated client")
    scopes = access.asked_scopes(client, asked)
    if grant not in _GRANTS or grant == "implicit":
        raise RefusalError(_unknown_grant(grant))
    if grant == REFRESH:
        return _refreshed(world, client, asked)
    if grant not in client.grant_types:
        raise _invalid_client("Unauthorized grant type")
    return _granted(world, client, grant, asked, scopes)


def _unknown_grant(grant: str) -> Response:
    if not grant:
        return oauth_error(400, "invalid_request", "Missing grant type")
    if grant == "implicit":
        return oauth_error(400, "invalid_grant", "Implicit grant type not supported from token endpoint")
    return oauth_error(400, "unsupported_grant_type", "Unsupported grant type")


def _granted(world: World, client: Client, grant: str, asked: Mapping[str, str], scopes: tuple[str, ...]) -> Response:
    account: Account | None = None
    match grant:
        case "client_credentials":
            return _answer(world, client, None, scopes)
        case "password":
            account = _user(world, asked)
        case model.DEVICE_GRANT:
            account, scopes = device.redeem(world, client, asked)
        case "authorization_code":
            account, scopes = authorization.redeem(world, client, asked)
        case model.EXCHANGE_GRANT:
            return _exchanged(world, client, asked, scopes)
        case _:
            return gap("redelegate")
    scopes = tuple(name for name in scopes if account.is_admin or not name.startswith(_ADMIN_SCOPES))
    return _answer(world, client, account, scopes, _new_refresh_token(world, client, account, scopes))


def _exchanged(world: World, client: Client, asked: Mapping[str, str], scopes: tuple[str, ...]) -> Response:
    """A token of the subject's user, or of nobody, for the client (RFC 8693; rec: token-exchange-policy)."""
    subject = access.introspect(world, asked.get("subject_token", ""))
    if subject is None:
        raise RefusalError(oauth_error(401, "invalid_token", "Access token not found", challenge="Bearer"))
    exchange.check(world, subject.client_id, client.client_id or "", scopes)
    answer = _answer(world, client, subject.account, scopes)
    members = {**json.loads(answer.body), "issued_token_type": "urn:ietf:params:oauth:token-type:jwt"}
    members.pop("id_token", None)  # none is recorded
    return replace(answer, body=json.dumps(members).encode())


def _answer(
    world: World, client: Client, account: Account | None, scopes: tuple[str, ...], refresh: str | None = None
) -> Response:
    """The tokens, with an id_token for a user who was asked for openid (OpenID Connect Core section 3.1.3.3)."""
    if not client.active:
        raise _invalid_client(f"Client is suspended: {client.client_id}")
    body = {
        "access_token": access.issue(world, client, account, scopes, refresh or ""),
        "token_type": "Bearer",
        **({"refresh_token": refresh} if refresh else {}),
        "expires_in": (client.access_token_validity_seconds or 3600) - 1,
    }
    if scopes:
        body["scope"] = " ".join(scopes)
    if account is not None and "openid" in scopes:
        body["id_token"] = access.id_token(world, client, account)
    return Response(200, {"cache-control": "no-store", "content-type": JSON_UTF8}, json.dumps(body).encode())


def _new_refresh_token(world: World, client: Client, account: Account | None, scopes: tuple[str, ...]) -> str | None:
    """A refresh token where scope and grant are there for it; 0 seconds are for ever (rec: admin-lifetimes)."""
    if OFFLINE not in scopes or REFRESH not in client.grant_types:
        return None
    token_id, now = world.chance.new_token_id(), world.chance.now_ms()
    seconds = client.refresh_token_validity_seconds
    expires = now + seconds * 1000 if seconds else None
    grant = Grant(client.key, client.client_id or "", account, frozenset(scopes), token_id, now, expires)
    world.store.refresh_tokens[token_id] = grant
    return token_id


def _refreshed(world: World, client: Client, asked: Mapping[str, str]) -> Response:
    """A new access token; a refresh token is good for once unless the client reuses it (rec: refresh-token)."""
    refresh_token = asked["refresh_token"]
    grant = world.store.refresh_tokens.get(refresh_token)
    now = world.chance.now_ms()
    # A token that is not there is said before the client's grants are looked at (rec: refresh-token 21, 22).
    if grant is None or (grant.expires_ms is not None and grant.expires_ms <= now):
        raise RefusalError(oauth_error(401, "invalid_token", "Invalid refresh token", challenge="Bearer"))
    if REFRESH not in client.grant_types:
        raise _invalid_client("Unauthorized grant type")
    if grant.client_key != client.key:
        if world.facts.refresh_by_stranger_ends:
            del world.store.refresh_tokens[refresh_token]
        raise _invalid_client("Client does not own the presented refresh token")
    scopes = tuple(asked["scope"].split()) if asked.get("scope") else tuple(sorted(grant.scopes))
    if not grant.scopes.issuperset(scopes):
        raise RefusalError(oauth_error(400, "invalid_scope", "Up-scoping is not allowed."))
    if not client.active and not world.facts.suspended_works:
        raise _invalid_client(f"Suspended client: {client.client_id}")
    client = replace(client, active=True)
    if client.reuse_refresh_token:
        return _answer(world, client, grant.account, scopes, refresh_token)
    del world.store.refresh_tokens[refresh_token]
    refresh = _new_refresh_token(world, client, grant.account, tuple(sorted(grant.scopes)))
    return _answer(world, client, grant.account, scopes, refresh)


def _invalid_client(text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "invalid_client", text, challenge="Bearer"))


def _user(world: World, asked: Mapping[str, str]) -> Account:
    account = world.store.account_by_name(asked.get("username", ""))
    if account is None or account.password != asked.get("password"):
        raise RefusalError(oauth_error(400, "invalid_grant", "Bad credentials"))
    return account


def revoke(call: ApiCall) -> Response:
    """POST /revoke (RFC 7009): HTTP Basic alone, a secret in the form is a redirect to the front page (rec: revoke).

    The access tokens of a login end with its refresh token, and not the other way round.
    """
    world, asked, store = call.world, call.request.parameters(), call.world.store
    if "authorization" not in call.request.headers and "client_id" in asked:
        return redirect(world.issuer)
    client = login.authenticate_basic(world, call.request)
    if call.request.method == "GET" and not world.facts.revoke_takes_get:
        return not_allowed("POST")
    if "token" not in asked:
        return empty(400)
    token_value = asked["token"]
    grant = store.tokens.get(token_value) or store.refresh_tokens.get(token_value)
    if grant is not None and grant.client_key != client.key:
        return json_response(403, {"error": "unauthorized_client"}) if world.facts.revoke_says_why else empty(403)
    store.refresh_tokens.pop(token_value, None)
    store.tokens.pop(token_value, None)
    for ended in [token for token, other in store.tokens.items() if other.refresh_token == token_value]:
        del store.tokens[ended]
    return empty(200)


def introspect(call: ApiCall) -> Response:
    """POST /introspect (RFC 7662); its form differs (rec: admin-revoke-and-reset).

    By the sources of IAM (IntrospectEndpointAuthorizationConfig) it takes HTTP Basic alone, from clients of every auth
    method, and needs allow_introspection, which the recorded callers have.
    """
    world, asked = call.world, call.request.parameters()
    client = login.authenticate_basic(world, call.request)
    if not client.allow_introspection:
        # newer servers say what they say of a token that is over; no recording shows it
        return json_response(200, {"active": False}) if world.facts.introspection_has_jti else empty(403)
    if "token" not in asked:
        return empty(400)
    grant = access.introspect(world, asked["token"]) if client.active or world.facts.suspended_works else None
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
        return described | {"token_type": "ACCESS_TOKEN"} | times | _described_user(world, grant)
    until = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    return described | {"token_type": "Bearer", "expires_at": until} | _described_user(world, grant)


def _described_user(world: World, grant: Grant) -> dict[str, Any]:
    """What introspection tells of a user (rec: refresh-token 8): on 1.12 the profile, where the scope is there."""
    account = grant.account
    if account is None:
        return {}
    groups = ",".join(group["display"] for group in account.representation.get("groups", ()))
    if world.facts.introspection_has_jti:
        return {"username": account.username, "groups": groups}
    client = world.store.find(grant.client_id)
    members: dict[str, Any] = {"user_id": account.username}
    # Of a client that has lost the scope no more is told (rec: refresh-after-change 16).
    if client is not None and "profile" in grant.scopes.intersection(client.scope):
        name = account.representation["name"]["formatted"]
        members |= {"groups": groups, "name": name, "preferred_username": account.username}
        members["organisation_name"] = "indigo-dc"
    return members


def scim_me(call: ApiCall) -> Response:
    """GET /scim/Me: the user's account."""
    return json_response(200, dict(access.demand_user(call).representation))


def userinfo(call: ApiCall) -> Response:
    """GET /userinfo (OpenID Connect Core section 5.3), as far as it tells whether a token is a user's and good."""
    if "authorization" not in call.request.headers and "access_token" in call.request.query:
        return gap("/userinfo")
    caller = access.demand_anybody(call)
    if caller.account is None or "openid" not in caller.scopes:
        return access.with_session(call.world, call.request, html_error(403))
    if call.request.headers.get("accept") == "application/jwt":
        return empty(406)
    return gap("/userinfo")
