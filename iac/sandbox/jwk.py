"""JWK sets as IAM stores them: public members of known keys only, in an order of its own."""

import json
from typing import Any

from iac.sandbox.message import RefusalError, error

_COMMON = ("use", "key_ops", "alg", "kid", "x5u", "x5t", "x5t#S256", "x5c")
_REQUIRED = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def public_set(text: str) -> str:
    """The set as IAM shows it again: unknown members and private ones gone (rec: admin-jwk).

    Raises:
        RefusalError: 400 for what is no JWK set (rec: admin-create-rejected, admin-jwk-and-jwks-uri).
    """
    keys = _parsed(text).get("keys")
    if not isinstance(keys, list):
        raise RefusalError(error(400, "Unexpected type of JSON object member keys"))
    public = [_public(key) for key in keys]
    return json.dumps({"keys": [key for key in public if key]}, separators=(",", ":"), ensure_ascii=False)


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusalError(error(400, "Invalid JSON object"))
    return parsed


def _public(key: Any) -> dict[str, Any] | None:
    """The key's public members, the type first and the others by name; None for an unknown type."""
    if not isinstance(key, dict):
        raise RefusalError(error(400, "Unexpected type of JSON array member keys"))
    required = _REQUIRED.get(str(key.get("kty")))
    if required is None:
        return None
    if not all(isinstance(key.get(name), str) for name in required):
        raise RefusalError(error(400, "The key lacks one of its members"))
    return {"kty": key["kty"]} | {name: key[name] for name in sorted((*required, *_COMMON)) if name in key}
