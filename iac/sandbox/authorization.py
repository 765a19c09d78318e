"""What a browser meets: discovery, the authorization endpoint as far as it goes without consent, login and logout."""

import json
from importlib.resources import files
from urllib.parse import quote, urlencode

from iac.sandbox.access import end_session, open_session, session_of, with_session
from iac.sandbox.gaps import gap
from iac.sandbox.message import (
    JSON_UTF8,
    RefusalError,
    Response,
    ServerCrashError,
    html_error,
    html_form,
    html_page,
    json_response,
    redirect,
)
from iac.sandbox.model import Account, Client, Grant
from iac.sandbox.world import ApiCall


def configuration(call: ApiCall) -> Response:
    """GET /.well-known/openid-configuration (OpenID Connect Discovery section 4; rec: login, discovery)."""
    text = files(__package__).joinpath("discovery.json").read_text(encoding="utf-8")
    document = json.loads(text.replace("http://localhost:8080", call.world.base_url))
    document["scopes_supported"] = list(call.world.facts.scopes_supported)
    return json_response(200, document).with_header("content-type", JSON_UTF8)


def keys(call: ApiCall) -> Response:  # noqa: ARG001 - every handler takes a call
    """GET /jwk: no key, for no token of the sandbox can be verified outside of it."""
    return json_response(200, {"keys": []})


def info(call: ApiCall) -> Response:
    """GET /actuator/info: the version of the server that the sandbox behaves like."""
    build = {"artifact": "iam-login-service", "name": "IAM Login Service (iac sandbox)"}
    return json_response(200, {"build": build | {"version": call.world.facts.version}})


_WITH_REDIRECT = frozenset({"authorization_code", "implicit"})


def authorize(call: ApiCall) -> Response:
    """GET or POST /authorize (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2)."""
    asked = call.request.parameters()
    if not asked:
        raise ServerCrashError
    if asked.get("user_oauth_approval"):
        return gap("consent") if user_of(call) else to_login(call)
    is_silent = "none" in asked.get("prompt", "").split(" ")
    client_id = asked.get("client_id")
    if client_id is None:
        raise _refused(call, 403 if is_silent else 401)
    client = call.world.store.find(client_id)
    if is_silent and (client is not None or not client_id):
        return _silent(call, client, asked)
    if client is not None and "response_type" not in asked and asked.get("redirect_uri") in client.redirect_uris:
        told = {"error": "unsupported_response_type", "error_description": "Unsupported response types"}
        return _told(call, asked, told, status=303)
    # An unknown client looks like a known one until somebody has logged in (rec: authorize-without-login 17, 18).
    return gap("consent") if user_of(call) else to_login(call)


def _silent(call: ApiCall, client: Client | None, asked: dict[str, str]) -> Response:
    """The answer to prompt=none, which IAM gives before it looks at scope, response_type and PKCE.

    It is login_required with a session, too (rec: authorize-consent 6, 25). The redirect URI must be a registered one
    to the character (rec: authorize-without-login 24 to 41).
    """
    if "redirect_uri" not in asked:
        raise _refused(call, 403)
    registered = client.redirect_uris if client and _WITH_REDIRECT.intersection(client.grant_types) else ()
    if asked["redirect_uri"] not in registered:
        raise _refused(call, 500)
    return _told(call, asked, {"error": "login_required"})


def _refused(call: ApiCall, status: int) -> RefusalError:
    return RefusalError(with_session(call.world, call.request, html_error(status)))


def _told(call: ApiCall, asked: dict[str, str], told: dict[str, str], status: int = 302) -> Response:
    uri = asked["redirect_uri"]
    query = urlencode(told | ({"state": asked["state"]} if asked.get("state") else {}), quote_via=quote)
    answer = redirect(f"{uri}{'&' if '?' in uri else '?'}{query}", status)
    return with_session(call.world, call.request, answer)


def front(call: ApiCall) -> Response:
    """GET / and /dashboard: the login for whoever has none (rec: discovery 15, 18)."""
    return gap("/dashboard") if user_of(call) else to_login(call)


def user_of(call: ApiCall) -> Account | None:
    """The user who is logged in."""
    return call.caller.account if call.caller else None


def to_login(call: ApiCall) -> Response:
    """To the login page; a GET is kept in the session, and the login leads back to it (rec: authorize-code 5)."""
    world, request = call.world, call.request
    answer = redirect(f"{world.base_url}/login")
    session = session_of(world, request)
    if session is None:
        session, answer = open_session(world, answer)
    if request.method == "GET":
        query = f"?{urlencode(request.query)}" if request.query else ""
        world.store.kept_requests[session] = f"{world.base_url}{request.path}{query}"
    return answer


def ask_user(call: ApiCall) -> Response:
    """GET /login: where the user types name and password."""
    page = html_page("Log in", html_form("login", "Login", username=None, password=None))
    return with_session(call.world, call.request, page)


def log_in(call: ApiCall) -> Response:
    """POST /login: the session is the user's, if the password is right."""
    world, form = call.world, call.request.parameters()
    account = world.store.account_by_name(form.get("username", ""))
    if account is None or account.password != form.get("password"):
        return with_session(world, call.request, redirect(f"{world.base_url}/login?error=failure"))
    session = session_of(world, call.request)
    target = world.store.kept_requests.pop(session or "", f"{world.base_url}/dashboard")
    answer = redirect(target)
    if session is None:
        session, answer = open_session(world, answer)
    now = world.chance.now_ms()
    world.store.sessions[session] = Grant(0, "", account, frozenset(), session, now, None)
    return answer


def log_out(call: ApiCall) -> Response:
    """GET /logout: the session is over."""
    end_session(call.world, call.request)
    return redirect(f"{call.world.base_url}/login?logout")
