"""Login by device code (RFC 8628), and the pages on which a user approves it (rec: device-request, device-approve).

Codes are given without a client secret and without an `interval`; a code that was denied stays pending until it
expires. The pages have the real ones' addresses and form fields, and nothing else.
"""

import html
from collections.abc import Mapping
from dataclasses import replace

from iac.sandbox import access
from iac.sandbox.authorization import to_login, user_of
from iac.sandbox.message import (
    FORM,
    JSON_UTF8,
    RefusalError,
    Response,
    empty,
    html_form,
    html_page,
    json_response,
    oauth_error,
)
from iac.sandbox.model import DEVICE_GRANT, Account, Client, DeviceCode
from iac.sandbox.world import ApiCall, World

_DEFAULT_SECONDS = 600


def authorize(call: ApiCall) -> Response:
    """POST /devicecode: codes for whoever names a client that has the grant (RFC 8628 section 3.2)."""
    world, asked = call.world, call.request.parameters()
    if call.request.headers.get("content-type", FORM).partition(";")[0] != FORM:
        return empty(415).with_header("accept", FORM)
    if not asked.get("client_id"):
        return empty(400)
    client = world.store.find(asked["client_id"])
    if client is None:
        return empty(404)
    if client.grant_types and DEVICE_GRANT not in client.grant_types:
        text = f"Unauthorized grant type: {DEVICE_GRANT}"
        raise RefusalError(oauth_error(401, "invalid_client", text, challenge="Bearer"))
    if not set(asked.get("scope", "").split()) <= set(client.scope):
        text = f"One or more requested scope is not allowed for client '{client.client_id}'"
        refusal = json_response(400, {"error": "invalid_scope", "error_description": text})
        return refusal.with_header("content-type", JSON_UTF8)
    # A client without a lifetime of its own gets the server's (rec: device-request 23).
    lifetime = client.device_code_validity_seconds or _DEFAULT_SECONDS
    code = _new_code(world, client, access.asked_scopes(client, asked), lifetime)
    page = f"{world.base_url}/device"
    answer = {
        "device_code": code.device_code,
        "user_code": code.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={code.user_code}",
        "expires_in": lifetime,
    }
    return json_response(200, answer).with_header("content-type", JSON_UTF8)


def _new_code(world: World, client: Client, scopes: tuple[str, ...], seconds: int) -> DeviceCode:
    chance = world.chance
    expires = chance.now_ms() + seconds * 1000
    code = DeviceCode(chance.new_token_id(), chance.new_user_code(), client.client_id or "", scopes, expires)
    world.store.devices[code.device_code] = code
    return code


def redeem(world: World, client: Client, form: Mapping[str, str]) -> tuple[Account, tuple[str, ...]]:
    """The user who approved the device code of a token request, and the scopes. A code is good for once.

    Raises:
        RefusalError: 400 when it is unknown, over, or nobody approved it.
    """
    device_code = form.get("device_code", "")
    code = world.store.devices.get(device_code)
    if code is None or code.client_id != client.client_id:
        raise RefusalError(oauth_error(400, "invalid_grant", f"Invalid device code: {device_code}"))
    if code.expires_ms < world.chance.now_ms():
        del world.store.devices[device_code]
        raise RefusalError(oauth_error(400, "expired_token", f"Device code has expired: {device_code}"))
    if code.account is None:
        raise RefusalError(oauth_error(400, "authorization_pending", f"Authorization pending for code: {device_code}"))
    del world.store.devices[device_code]
    return code.account, code.scopes


def ask_code(call: ApiCall) -> Response:
    """GET /device: where the user types the code, or with `?user_code=` what it is about."""
    user = user_of(call)
    if user is None:
        return to_login(call)
    if "user_code" in call.request.query:
        return _what_for(call, user, call.request.query["user_code"])
    return html_page("Enter the code", html_form("device/verify", "Continue", user_code=None))


def verify(call: ApiCall) -> Response:
    """POST /device/verify: what the code is about."""
    user = user_of(call)
    return to_login(call) if user is None else _what_for(call, user, _given_code(call))


def approve(call: ApiCall) -> Response:
    """POST /device/approve: the user's yes or no."""
    user, store = user_of(call), call.world.store
    if user is None:
        return to_login(call)
    code = _find(call.world, _given_code(call))
    if code is None:
        return _unknown_code()
    form = call.request.parameters()
    if form.get("user_oauth_approval") != "true":
        return html_page("The device was not approved", "")
    client = store.find(code.client_id)
    if client is not None and form.get("remember") == "until-revoked":
        store.approvals[user.uuid, client.key] = frozenset(code.scopes)
    return _approved(call.world, code, user)


def _approved(world: World, code: DeviceCode, user: Account) -> Response:
    world.store.devices[code.device_code] = replace(code, account=user)
    return html_page("The device was approved", "You can close this page.")


def _given_code(call: ApiCall) -> str:
    return call.request.parameters().get("user_code", "")


def _find(world: World, user_code: str) -> DeviceCode | None:
    """The code that waits for a yes."""
    now = world.chance.now_ms()
    waiting = (code for code in world.store.devices.values() if code.account is None and code.expires_ms >= now)
    return next((code for code in waiting if code.user_code == user_code.strip().upper()), None)


def _what_for(call: ApiCall, user: Account, user_code: str) -> Response:
    """The approval page; a remembered approval of these scopes needs none (rec: device-approve 38)."""
    code = _find(call.world, user_code)
    client = call.world.store.find(code.client_id) if code else None
    if code is None or client is None:
        return _unknown_code()
    if call.world.store.approvals.get((user.uuid, client.key), frozenset()).issuperset(code.scopes):
        return _approved(call.world, code, user)
    wants = html.escape(f"{client.client_name} ({client.client_id}) wants: {' '.join(code.scopes)}")
    yes = html_form("device/approve", "Authorize", user_code=code.user_code, user_oauth_approval="true")
    no = html_form("device/approve", "Deny", user_code=code.user_code, user_oauth_approval="false")
    return html_page("Approve the device?", f"<p>{wants}</p>{yes}{no}")


def _unknown_code() -> Response:
    return html_page("Unknown or expired code", html_form("device/verify", "Continue", user_code=None))
