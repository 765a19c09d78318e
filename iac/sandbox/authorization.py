"""The authorization endpoint, which begins a user's login, as far as it goes without one.

No recording shows it. It follows the sources of the MitreID library in IAM (AuthorizationRequestFilter,
BlacklistAwareRedirectResolver): before a login it looks at client and redirect URI only when `prompt=none` is asked
for, and what its filter throws becomes an error page.
"""

from collections.abc import Collection
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from iac.sandbox.message import NO_CACHE, Response, html_error
from iac.sandbox.world import Call

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
