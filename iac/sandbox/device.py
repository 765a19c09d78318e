"""Login by device code (RFC 8628), and the pages on which a user approves it.

No recording has these calls; they follow IAM's sources (IamDeviceEndpointController, DeviceCodeTests): codes are given
without a client secret and without an `interval`, a code that was denied stays pending until it expires, and a user who
is no administrator does not get iam:admin.*. The pages have the real ones' addresses and form fields, and nothing else.
"""

import html
from collections.abc import Mapping
from dataclasses import replace

from iac.sandbox import access
from iac.sandbox.message import HTML, SESSION_COOKIE, RefusalError, Response, empty, json_response, oauth_error
from iac.sandbox.model import DEVICE_GRANT, Account, Client, DeviceCode, Grant
from iac.sandbox.world import Call, World

_ADMIN_SCOPES = "iam:admin."
_DEFAULT_SECONDS = 600


def authorize(call: Call) -> Response:
    """POST /devicecode: codes for whoever names a client that has the grant (RFC 8628 section 3.2)."""
    world, form = call.world, call.request.form()
    if "client_id" not in form:
        return empty(400)
    client = world.store.find(form["client_id"])
    if client is None:
        raise _refused(f"Client with id {form['client_id']} was not found")
    if client.grant_types and DEVICE_GRANT not in client.grant_types:
        raise _refused(f"Unauthorized grant type: {DEVICE_GRANT}")
    if not set(form.get("scope", "").split()) <= set(client.scope):
        return json_response(400, {"error": "invalid_scope"})
    lifetime = client.device_code_validity_seconds
    code = _new_code(world, client, access.asked_scopes(client, form), lifetime or _DEFAULT_SECONDS)
    page = f"{world.issuer}device"
    answer = {"device_code": code.device_code, "user_code": code.user_code, "verification_uri": page}
    return json_response(200, answer | ({} if lifetime is None else {"expires_in": lifetime}))


def _new_code(world: World, client: Client, scopes: tuple[str, ...], seconds: int) -> DeviceCode:
    chance = world.chance
    expires = chance.now_ms() + seconds * 1000
    code = DeviceCode(chance.new_token_id(), chance.new_user_code(), client.client_id or "", scopes, expires)
    world.store.devices[code.device_code] = code
    return code


def _refused(text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "invalid_client", text, challenge="Bearer"))


def redeem(world: World, client: Client, form: Mapping[str, str]) -> tuple[Account, tuple[str, ...]]:
    """The user who approved the device code of a token request, and the scopes. A code is good for once.

    Raises:
        RefusalError: 400 when it is unknown, over, or nobody approved it.
    """
    given = form.get("device_code", "")
    code = world.store.devices.get(given)
    if code is None or code.client_id != client.client_id:
        raise RefusalError(oauth_error(400, "invalid_grant", f"Invalid device code: {given}"))
    if code.expires_ms < world.chance.now_ms():
        del world.store.devices[given]
        raise RefusalError(oauth_error(400, "expired_token", f"Device code has expired: {given}"))
    if code.account is None:
        raise RefusalError(oauth_error(400, "authorization_pending", f"Authorization pending for code: {given}"))
    del world.store.devices[given]
    is_admin = code.account.is_admin
    return code.account, tuple(name for name in code.scopes if is_admin or not name.startswith(_ADMIN_SCOPES))


def ask_code(call: Call) -> Response:
    """GET /device: where the user types the code, or with `?user_code=` what it is about."""
    if _user(call) is None:
        return _redirect(call.world, "login")
    if "user_code" in call.request.query:
        return _what_for(call, call.request.query["user_code"])
    return _page("Enter the code", _form("device/verify", "Continue", user_code=None))


def verify(call: Call) -> Response:
    """POST /device/verify: what the code is about."""
    return _redirect(call.world, "login") if _user(call) is None else _what_for(call, _given_code(call))


def approve(call: Call) -> Response:
    """POST /device/approve: the user's yes or no."""
    user, store = _user(call), call.world.store
    if user is None:
        return _redirect(call.world, "login")
    code = _find(call.world, _given_code(call))
    if code is None:
        return _unknown_code()
    if call.request.form().get("user_oauth_approval") != "true":
        return _page("The device was not approved", "")
    store.devices[code.device_code] = replace(code, account=user)
    return _page("The device was approved", "You can close this page.")


def ask_user(call: Call) -> Response:  # noqa: ARG001 - every handler takes a call
    """GET /login: where the user types name and password."""
    return _page("Log in", _form("login", "Login", username=None, password=None))


def log_in(call: Call) -> Response:
    """POST /login: a session, if the password is right."""
    world, form = call.world, call.request.form()
    account = world.store.account_by_name(form.get("username", ""))
    if account is None or account.password != form.get("password"):
        return _redirect(world, "login?error=failure")
    session, now = world.chance.new_token_id(), world.chance.now_ms()
    world.store.sessions[session] = Grant(0, "", account, frozenset(), session, now, None)
    return _redirect(world, "device").with_header("set-cookie", f"{SESSION_COOKIE}={session}; Path=/; HttpOnly")


def _user(call: Call) -> Account | None:
    return call.caller.account if call.caller else None


def _given_code(call: Call) -> str:
    return call.request.form().get("user_code", "")


def _find(world: World, user_code: str) -> DeviceCode | None:
    """The code that waits for a yes."""
    now = world.chance.now_ms()
    waiting = (code for code in world.store.devices.values() if code.account is None and code.expires_ms >= now)
    return next((code for code in waiting if code.user_code == user_code.strip().upper()), None)


def _what_for(call: Call, user_code: str) -> Response:
    code = _find(call.world, user_code)
    client = call.world.store.find(code.client_id) if code else None
    if code is None or client is None:
        return _unknown_code()
    wants = html.escape(f"{client.client_name} ({client.client_id}) wants: {' '.join(code.scopes)}")
    yes = _form("device/approve", "Authorize", user_code=code.user_code, user_oauth_approval="true")
    no = _form("device/approve", "Deny", user_code=code.user_code, user_oauth_approval="false")
    return _page("Approve the device?", f"<p>{wants}</p>{yes}{no}")


def _unknown_code() -> Response:
    return _page("Unknown or expired code", _form("device/verify", "Continue", user_code=None))


def _form(action: str, button: str, **fields: str | None) -> str:
    """A form; a field without a value is typed by the user."""
    rows = [
        f'<label>{name} <input name="{name}" type="{"password" if name == "password" else "text"}"></label>'
        if value is None
        else f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    ]
    return f'<form method="post" action="/{action}">{"".join(rows)}<button>{button}</button></form>'


def _page(title: str, content: str) -> Response:
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{content}</body></html>"
    return Response(200, {"cache-control": "no-store", "content-type": HTML}, text.encode())


def _redirect(world: World, path: str) -> Response:
    return Response(302, {"location": f"{world.base_url}/{path}"})
