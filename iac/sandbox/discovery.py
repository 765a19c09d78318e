"""What a server says about itself, without a login."""

import json
from importlib.resources import files

from iac.sandbox.message import JSON_UTF8, Response, json_response
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
