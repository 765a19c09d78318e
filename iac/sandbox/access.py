"""Who is calling: bearer tokens, session cookies, and the tokens that are issued."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace

from iac.sandbox.message import SESSION_COOKIE, RefusalError, Request, Response, oauth_error
from iac.sandbox.model import RAT_SCOPE, Account, Client, Grant
from iac.sandbox.world import ApiCall, World

_COOKIE = re.compile(rf"(?:^|;\s*){SESSION_COOKIE}=([^;]+)")
CHALLENGE = 'Bearer realm="openidconnect"'


def identify(world: World, request: Request) -> Grant | None:
    """Whose token, or whose session, the request carries; None for nobody's.

    A caller who sends a session cookie with a token is that session's user from then on (rec:
    self-service-session-cookie).

    Raises:
        RefusalError: 401 for a token that is unknown or over.
    """
    session = session_of(world, request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return world.store.sessions.get(session or "")
    grant = _live(world, token.strip())
    if grant is None:
        text = f"Invalid access token: {token}" if world.facts.unknown_token_named else "Access token not found"
        raise RefusalError(oauth_error(401, "invalid_token", text, challenge=CHALLENGE))
    if session is not None:
        world.store.sessions[session] = grant
    return grant


def introspect(world: World, token: str) -> Grant | None:
    """What the token stands for; None when it is unknown or over."""
    return _live(world, token)


def _live(world: World, token: str) -> Grant | None:
    grant = world.store.tokens.get(token)
    if grant is None or (grant.expires_ms is not None and grant.expires_ms <= world.chance.now_ms()):
        return None
    return grant


def session_of(world: World, request: Request) -> str | None:
    """The id of the session that the request's cookie names, when there is one."""
    match = _COOKIE.search(request.headers.get("cookie", ""))
    return match[1] if match and match[1] in world.store.sessions else None


def with_session(world: World, request: Request, response: Response) -> Response:
    """The response, opening a session for a caller who has none (rec: self-service-session-cookie)."""
    if session_of(world, request) is not None:
        return response
    return open_session(world, response)[1]


def open_session(world: World, response: Response) -> tuple[str, Response]:
    """A new session of nobody, and the response with its cookie."""
    session = world.chance.new_token_id()
    world.store.sessions[session] = None
    return session, response.with_header("set-cookie", f"{SESSION_COOKIE}={session}; Path=/; HttpOnly")


def end_session(world: World, request: Request) -> None:
    """End the session that the request's cookie names, when there is one."""
    session = session_of(world, request) or ""
    world.store.sessions.pop(session, None)
    world.store.kept_requests.pop(session, None)
    world.store.pending.pop(session, None)


def demand(call: ApiCall, scope: str) -> Grant:
    """The caller, who must have the scope (rec: admin-authorization).

    Raises:
        RefusalError: 401 for nobody, 403 for somebody without the scope.
    """
    caller = demand_anybody(call)
    if scope not in caller.scopes:
        raise RefusalError(_access_denied())
    return caller


def demand_user(call: ApiCall) -> Account:
    """The user who calls.

    Raises:
        RefusalError: 401 for nobody, 403 for a client's own token.
    """
    account = demand_anybody(call).account
    if account is None:
        raise RefusalError(_access_denied())
    return account


def demand_anybody(call: ApiCall) -> Grant:
    """The caller, whoever it is.

    Raises:
        RefusalError: 401 for nobody.
    """
    if call.caller is None:
        text = "Full authentication is required to access this resource"
        refusal = oauth_error(401, "unauthorized", text, challenge=CHALLENGE)
        raise RefusalError(with_session(call.world, call.request, refusal))
    return call.caller


def _access_denied() -> Response:
    return oauth_error(403, "access_denied", "Access is denied")


def issue(
    world: World, client: Client, account: Account | None, scopes: tuple[str, ...], refresh_token: str = ""
) -> str:
    """A new access token for the client, of its lifetime."""
    grant = _new_grant(world, client, account, scopes, client.access_token_validity_seconds or 3600)
    return _keep(world, replace(grant, refresh_token=refresh_token))


def id_token(world: World, client: Client, account: Account) -> str:
    """Who the user is (OpenID Connect Core section 2); no call takes it."""
    return _signed(world, _new_grant(world, client, account, (), client.id_token_validity_seconds or 600))


def issue_rat(world: World, client: Client) -> str:
    """A new registration access token; the client's older ones end (rec: admin-rat)."""
    world.store.revoke(client, access=False)
    return _keep(world, _new_grant(world, client, None, (RAT_SCOPE,), None))


def _new_grant(
    world: World, client: Client, account: Account | None, scopes: tuple[str, ...], seconds: int | None
) -> Grant:
    now = world.chance.now_ms()
    return Grant(
        client_key=client.key,
        client_id=client.client_id or "",
        account=account,
        scopes=frozenset(scopes),
        token_id=world.chance.new_token_id(),
        issued_ms=now,
        expires_ms=None if seconds is None else now + seconds * 1000,
    )


def _keep(world: World, grant: Grant) -> str:
    token = _signed(world, grant)
    world.store.tokens[token] = grant
    return token


def asked_scopes(client: Client, form: Mapping[str, str]) -> tuple[str, ...]:
    """The scopes that a form asks for; all of the client's when it asks for none (rec: login).

    Raises:
        RefusalError: 400 for a scope that the client has not.
    """
    asked = tuple(dict.fromkeys(form.get("scope", "").split()))
    for name in asked:
        if name not in client.scope:
            text = f"Scope '{name}' not allowed for client '{client.client_id}'"
            raise RefusalError(oauth_error(400, "invalid_scope", text))
    return asked or client.scope


def _signed(world: World, grant: Grant) -> str:
    """A JWT (RFC 7519) about the grant; a key of this server's run signs it, nothing verifies it."""
    claims = {
        "iss": world.issuer,
        "sub": grant.account.uuid if grant.account else grant.client_id,
        "client_id": grant.client_id,
        "scope": " ".join(sorted(grant.scopes)),
        "iat": grant.issued_ms // 1000,
        "jti": grant.token_id,
    }
    if grant.expires_ms is not None:
        claims["exp"] = grant.expires_ms // 1000
    signed = f"{_segment({'alg': 'HS256', 'kid': 'sandbox'})}.{_segment(claims)}"
    mac = hmac.new(world.signing_key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(mac)}"


def _segment(value: dict[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
