"""The endpoints that begin a user's login, as far as they go without one: authorization and device authorization.

No recording shows them. They follow the sources of the MitreID library in IAM (AuthorizationRequestFilter,
BlacklistAwareRedirectResolver) and of IAM's IamDeviceEndpointController: before a login the authorization endpoint
looks at client and redirect URI only when `prompt=none` is asked for, and what its filter throws becomes an error page;
the device endpoint asks for no client secret.
"""

from collections.abc import Collection
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from iac.sandbox.message import NO_CACHE, RefusalError, Response, empty, html_error, json_response, oauth_error
from iac.sandbox.model import Client
from iac.sandbox.token import read_form
from iac.sandbox.world import Call

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_WITH_REDIRECT = frozenset({"authorization_code", "implicit"})


def authorize(call: Call) -> Response:
    """GET /authorize of somebody who is not logged in (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2)."""
    query = call.request.query
    client = call.world.store.find(query.get("client_id", ""))
    if client is None:
        return html_error(500)
    if "none" not in query.get("prompt", "").split(" "):
        return _redirect(f"{call.world.base_url}/login")
    asked = query.get("redirect_uri")
    if asked is None:
        return html_error(403)
    if not _WITH_REDIRECT & set(client.grant_types) or not _is_registered(asked, client.redirect_uris):
        return html_error(500)
    told = {"error": "login_required"} | ({"state": query["state"]} if query.get("state") else {})
    return _redirect(f"{asked}{'&' if '?' in asked else '?'}{urlencode(told)}")


def _redirect(location: str) -> Response:
    return Response(302, {"cache-control": NO_CACHE, "location": location})


def _is_registered(asked: str, registered: Collection[str]) -> bool:
    """Equal but for parameters of the query that come on top (BlacklistAwareRedirectResolver, strict)."""
    return any(_is_same(urlsplit(asked), urlsplit(uri)) for uri in registered)


def _is_same(asked: SplitResult, uri: SplitResult) -> bool:
    wanted, given = dict(parse_qsl(uri.query)), dict(parse_qsl(asked.query))
    return asked[:3] == uri[:3] and wanted.items() <= given.items()


def device_code(call: Call) -> Response:
    """POST /devicecode (RFC 8628 section 3.1)."""
    form = read_form(call)
    if "client_id" not in form:
        return empty(400)
    client = call.world.store.find(form["client_id"])
    if client is None:
        raise _refused(f"Client with id {form['client_id']} was not found")
    if client.grant_types and DEVICE_CODE not in client.grant_types:
        raise _refused(f"Unauthorized grant type: {DEVICE_CODE}")
    if not set(form.get("scope", "").split()) <= set(client.scope):
        return json_response(400, {"error": "invalid_scope"})
    return json_response(200, _codes(call, client))


def _codes(call: Call, client: Client) -> dict[str, object]:
    chance = call.world.chance
    lifetime = client.device_code_validity_seconds
    codes = {
        "device_code": chance.new_token_id(),
        "user_code": chance.new_token_id()[:6].upper(),
        "verification_uri": f"{call.world.issuer}device",
    }
    return codes | ({} if lifetime is None else {"expires_in": lifetime})


def _refused(text: str) -> RefusalError:
    return RefusalError(oauth_error(401, "invalid_client", text, challenge="Bearer"))
