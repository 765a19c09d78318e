"""The body of a create or update: JSON into the fields that IAM knows.

Types are as lenient as IAM's JSON reader: numbers pass for strings and digits for numbers; unknown
fields are ignored (rec: admin-create-rejected). What does not fit is an empty 400.
"""

import json
from collections.abc import Callable
from typing import Any

from iac.sandbox.flavour import Facts
from iac.sandbox.message import RefusalError, Request, empty

GRANT_TYPES = frozenset(
    {
        "authorization_code",
        "client_credentials",
        "password",
        "implicit",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant_type:redelegate",
    }
)
RESPONSE_TYPES = frozenset({"code", "token"})
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
AUTH_METHODS = SECRET_METHODS | {"private_key_jwt", "none"}

Document = dict[str, Any]
"""Field name -> parsed value: str, int, bool, sorted tuple of str, or None where null was sent.

Lists are sets to IAM: order and duplicates are not kept (rec: admin-order-and-duplicates)."""

Parser = Callable[[Any], Any]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        raise TypeError(value)
    return json.dumps(value)


def _flag(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise ValueError(value)


def _number(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return int(value)


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or None in value:
        raise ValueError(value)
    return tuple(sorted({str(_text(item)) for item in value}))


def _scope(value: Any) -> tuple[str, ...] | None:
    text = _text(value)
    return None if text is None else tuple(sorted(set(text.split(" "))))


def _one_of(allowed: frozenset[str]) -> Parser:
    def parse(value: Any) -> str | None:
        if value is None or (isinstance(value, str) and value in allowed):
            return value
        raise ValueError(value)

    return parse


def _some_of(allowed: frozenset[str]) -> Parser:
    def parse(value: Any) -> tuple[str, ...] | None:
        values = _texts(value)
        if values is None or allowed.issuperset(values):
            return values
        raise ValueError(value)

    return parse


_PARSERS: dict[str, Parser] = {
    "client_id": _text,
    "client_secret": _text,
    "client_name": _text,
    "client_description": _text,
    "redirect_uris": _texts,
    "client_uri": _text,
    "tos_uri": _text,
    "policy_uri": _text,
    "jwks_uri": _text,
    "jwk": _text,
    "contacts": _texts,
    "grant_types": _some_of(GRANT_TYPES),
    "response_types": _some_of(RESPONSE_TYPES),
    "token_endpoint_auth_method": _one_of(AUTH_METHODS),
    "scope": _scope,
    "access_token_validity_seconds": _number,
    "refresh_token_validity_seconds": _number,
    "id_token_validity_seconds": _number,
    "device_code_validity_seconds": _number,
    "default_max_age": _number,
    "reuse_refresh_token": _flag,
    "dynamically_registered": _flag,
    "allow_introspection": _flag,
    "clear_access_tokens_on_refresh": _flag,
    "require_auth_time": _flag,
    "code_challenge_method": _text,
    "active": _flag,
}
_UP_SCOPING: dict[str, Parser] = {"up_scoping_enabled": _flag}
_FEDERATION: dict[str, Parser] = {"entity_id": _text, "expiration": _text}


def _parsers(facts: Facts) -> dict[str, Parser]:
    up_scoping = _UP_SCOPING if facts.up_scoping else {}
    federation = _FEDERATION if facts.federation else {}
    return _PARSERS | up_scoping | federation


def read(request: Request, facts: Facts) -> Document:
    """The fields of the request's body that IAM knows.

    Raises:
        RefusalError: 415 when it is not JSON, 400 when it is broken or of the wrong types.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusalError(empty(415))
    try:
        raw = json.loads(request.body)
        if not isinstance(raw, dict):
            raise RefusalError(empty(400))
        parsers = _parsers(facts)
        return {name: parsers[name](value) for name, value in raw.items() if name in parsers}
    except (ValueError, TypeError, RecursionError, OverflowError) as broken:
        raise RefusalError(empty(400)) from broken
