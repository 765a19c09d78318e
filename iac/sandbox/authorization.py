"""What a browser meets: discovery, login and logout, the authorization endpoint with its approval page and codes.

Rec: authorize-without-login, authorize-code, authorize-consent; codes are redeemed as in authorize-code-refused and
authorize-pkce.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

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
    oauth_error,
    redirect,
)
from iac.sandbox.model import Account, AuthorizationRequest, Client, Grant
from iac.sandbox.world import ApiCall, World

_REDIRECTED_GRANTS = frozenset({"authorization_code", "implicit"})
_RESPONSE_TYPES = frozenset({"code", "token", "id_token"})
_UNSUPPORTED = "Unsupported response types"


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


def authorize(call: ApiCall) -> Response:
    """GET or POST /authorize (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2)."""
    asked = call.request.parameters()
    if not asked:
        raise ServerCrashError
    user = _logged_in(call)
    if asked.get("user_oauth_approval"):
        return _answer_of_user(call, user, asked) if user else to_login(call)
    is_silent = "none" in asked.get("prompt", "").split(" ")
    client_id = asked.get("client_id")
    if client_id is None:
        raise _refused(call, 403 if is_silent else 401)
    client = call.world.store.find(client_id)
    if is_silent and (client is not None or not client_id):
        return _silent(call, client, asked)
    if client is not None and "response_type" not in asked and asked.get("redirect_uri") in client.redirect_uris:
        words = {"error": "unsupported_response_type", "error_description": _UNSUPPORTED}
        return _told(call, asked["redirect_uri"], words | {"state": asked.get("state", "")}, 303)
    # An unknown client looks like a known one until somebody has logged in (rec: authorize-without-login 17, 18).
    return _ask(call, user, asked) if user else to_login(call)


def _logged_in(call: ApiCall) -> Account | None:
    """The user of the session; a token in its place counts for nothing here (rec: authorize-without-login 65)."""
    return user_of(call) if session_of(call.world, call.request) else None


def _silent(call: ApiCall, client: Client | None, asked: dict[str, str]) -> Response:
    """The answer to prompt=none, which IAM gives before it looks at scope, response_type and PKCE.

    It is login_required with a session, too (rec: authorize-consent 6, 25). The redirect URI must be a registered one
    to the character (rec: authorize-without-login 24 to 41).
    """
    if "redirect_uri" not in asked:
        raise _refused(call, 403)
    is_redirected = client is not None and _REDIRECTED_GRANTS.intersection(client.grant_types)
    registered = client.redirect_uris if client and is_redirected else ()
    if asked["redirect_uri"] not in registered:
        raise _refused(call, 500)
    return _told(call, asked["redirect_uri"], {"error": "login_required", "state": asked.get("state", "")})


def _refused(call: ApiCall, status: int) -> RefusalError:
    return RefusalError(with_session(call.world, call.request, html_error(status)))


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


def _ask(call: ApiCall, user: Account, asked: Mapping[str, str]) -> Response:
    """The approval page of a request; its code where the same scopes were approved and remembered.

    Raises:
        RefusalError: no user could approve the request.
    """
    client = call.world.store.find(asked["client_id"])
    if client is None:
        raise RefusalError(_page_of_error(401, "invalid_client", f"Client with id {asked['client_id']} was not found"))
    request = AuthorizationRequest(
        client_id=client.client_id or "",
        account=user,
        scopes=tuple(asked.get("scope", "").split()),
        redirect_uri=_redirect_uri(client, asked.get("redirect_uri")),
        asked_uri=asked.get("redirect_uri"),
        state=asked.get("state", ""),
        challenge=asked.get("code_challenge", ""),
        challenge_method=asked.get("code_challenge_method", "plain"),
    )
    _check(call, client, request, set(asked.get("response_type", "").split()))
    approved = call.world.store.approvals.get((user.uuid, client.key), frozenset())
    if request.scopes and approved.issuperset(request.scopes) and asked.get("prompt") != "consent":
        return _with_code(call, request)
    call.world.store.pending[session_of(call.world, call.request) or ""] = request
    return _page(client, request)


def _check(call: ApiCall, client: Client, request: AuthorizationRequest, types: set[str]) -> None:
    """Refuse at the redirect URI what the client may not ask for."""
    if not types or not types <= _RESPONSE_TYPES:
        raise RefusalError(_refused_at_uri(call, request, "unsupported_response_type", _UNSUPPORTED))
    if types != {"code"} and "implicit" in client.grant_types:
        raise RefusalError(gap("implicit"))
    if types != {"code"} or "authorization_code" not in client.grant_types:
        sign = "" if types == {"code"} else "#"
        raise RefusalError(_refused_at_uri(call, request, "invalid_client", "Unauthorized grant type", sign))
    unknown = next((name for name in request.scopes if name not in client.scope), None)
    if unknown is not None:
        why = f"Scope '{unknown}' not allowed for client '{client.client_id}'"
        raise RefusalError(_refused_at_uri(call, request, "invalid_scope", why))


def _refused_at_uri(call: ApiCall, request: AuthorizationRequest, code: str, why: str, sign: str = "") -> Response:
    words = {"error": code, "error_description": why, "state": request.state}
    return _told(call, f"{request.redirect_uri}{sign}", words, 303)


def _redirect_uri(client: Client, asked: str | None) -> str:
    """Where the answer goes; an added query is taken here, though not by prompt=none (rec: authorize-consent 35).

    Raises:
        RefusalError: a page, for there is nowhere that the user may be led to.
    """
    if not _REDIRECTED_GRANTS.intersection(client.grant_types):
        why = "A redirect_uri can only be used by implicit or authorization_code grant types."
        raise RefusalError(_page_of_error(400, "invalid_grant", why))
    if asked is None and len(client.redirect_uris) == 1:
        return client.redirect_uris[0]
    if asked is None or not any(_matches(registered, asked) for registered in client.redirect_uris):
        why = "Invalid redirect uri does not match one of the registered values."
        raise RefusalError(_page_of_error(400, "invalid_grant", why))
    return asked


def _matches(registered: str, asked: str) -> bool:
    left, right = urlsplit(registered), urlsplit(asked)
    is_same = (left.scheme, left.netloc, left.path) == (right.scheme, right.netloc, right.path)
    return is_same and set(parse_qsl(left.query)) <= set(parse_qsl(right.query))


def _page(client: Client, request: AuthorizationRequest) -> Response:
    wants = html.escape(f"{client.client_name} ({client.client_id}) wants: {' '.join(request.scopes)}")
    ticks: dict[str, str | None] = {f"scope.{name}": "true" for name in request.scopes}
    yes = html_form("authorize", "Authorize", **ticks, remember="none", user_oauth_approval="true")
    no = html_form("authorize", "Deny", user_oauth_approval="false")
    return html_page("Approval required", f"<p>{wants}</p>{yes}{no}")


def _page_of_error(status: int, code: str, why: str) -> Response:
    text = html.escape(f'error="{code}", error_description="{why}"')
    page = html_page("OAuth Error", f"<p>{text}</p>")
    return Response(status, page.headers, page.body)


def _answer_of_user(call: ApiCall, user: Account, form: Mapping[str, str]) -> Response:
    """POST /authorize with the user's yes or no. Which scopes are ticked changes nothing (authorize-consent 11, 14)."""
    store = call.world.store
    request = store.pending.pop(session_of(call.world, call.request) or "", None)
    if request is None:
        return _page_of_error(400, "invalid_request", "Cannot approve uninitialized authorization request.")
    if form["user_oauth_approval"] != "true":
        return _refused_at_uri(call, request, "access_denied", "User denied access")
    if not request.scopes:
        why = "Changes were detected from the original authorization request."
        return _page_of_error(400, "invalid_request", why)
    client = store.find(request.client_id)
    if client is not None and form.get("remember") == "until-revoked":
        store.approvals[user.uuid, client.key] = frozenset(request.scopes)
    return _with_code(call, request)


def _with_code(call: ApiCall, request: AuthorizationRequest) -> Response:
    code = call.world.chance.new_token_id()
    call.world.store.codes[code] = request
    return _told(call, request.redirect_uri, {"code": code, "state": request.state}, 303)


def _told(call: ApiCall, uri: str, words: Mapping[str, str], status: int = 302) -> Response:
    """The answer at a redirect URI, or in its fragment where it ends with the sign of one; empty words are left out."""
    query = urlencode({name: word for name, word in words.items() if word}, quote_via=quote, safe="'")
    joint = "" if uri.endswith("#") else "&" if "?" in uri else "?"
    return with_session(call.world, call.request, redirect(f"{uri}{joint}{query}", status))


def redeem(world: World, client: Client, form: Mapping[str, str]) -> tuple[Account, tuple[str, ...]]:
    """The user and the scopes of a code. It is used up by whatever is wrong with it but the secret.

    Raises:
        RefusalError: it is unknown, another client's, or sent with another redirect URI or a wrong verifier.
    """
    if "code" not in form:
        raise RefusalError(oauth_error(400, "invalid_request", "An authorization code must be supplied."))
    request = world.store.codes.pop(form["code"], None)
    if request is None:
        raise RefusalError(oauth_error(400, "invalid_grant", f"no authorization code found for value {form['code']}"))
    if request.client_id != client.client_id:
        raise RefusalError(oauth_error(401, "invalid_client", "Client ID mismatch", challenge="Bearer"))
    if request.asked_uri != form.get("redirect_uri"):
        raise RefusalError(oauth_error(400, "invalid_grant", "Redirect URI mismatch."))
    if request.challenge:
        _verify(world, request, form)
    return request.account, request.scopes


def _verify(world: World, request: AuthorizationRequest, form: Mapping[str, str]) -> None:
    """PKCE (RFC 7636 section 4.6); a client's own code_challenge_method is never looked at."""
    verifier = form.get("code_verifier")
    if verifier is None:
        raise RefusalError(oauth_error(500, "server_error", "Internal Server Error"))
    match request.challenge_method:
        case "plain":
            is_right = verifier == request.challenge
        case "S256":
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
            is_right = digest.rstrip(b"=").decode() == request.challenge
        case _ if world.facts.odd_challenge_refused:
            raise RefusalError(oauth_error(400, "invalid_request", "Unsupported code challenge method"))
        case _:
            is_right = True
    if not is_right:
        raise RefusalError(oauth_error(400, "invalid_request", "Code challenge and verifier do not match"))
