"""What a server says without a login: discovery, and the authorization endpoint as far as it goes."""

import json
from collections.abc import Collection
from importlib.resources import files
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from iac.sandbox.message import JSON_UTF8, NO_CACHE, Response, html_error, json_response
from iac.sandbox.world import Call


def configuration(call: Call) -> Response:
    """GET /.well-known/openid-configuration (OpenID Connect Discovery section 4; rec: login)."""
    text = files(__package__).joinpath("discovery.json").read_text(encoding="utf-8")
    document = json.loads(text.replace("http://localhost:8080", call.world.base_url))
    document["scopes_supported"] = list(call.world.facts.scopes_supported)
    return json_response(200, document).with_header("content-type", JSON_UTF8)


def keys(call: Call) -> Response:  # noqa: ARG001 - every handler takes a call
    """GET /jwk: no key, for no token of the sandbox can be verified outside of it."""
    return json_response(200, {"keys": []})


def info(call: Call) -> Response:
    """GET /actuator/info: the version of the server that the sandbox behaves like."""
    build = {"artifact": "iam-login-service", "name": "IAM Login Service (iac sandbox)"}
    return json_response(200, {"build": build | {"version": call.world.facts.version}})


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
