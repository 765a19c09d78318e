"""JWK sets (RFC 7517) as canonical text, so that equal key sets are equal strings. Pure.

The server re-serialises what it is sent, in another order and without unknown or private members (rec: admin-jwk).
"""

from __future__ import annotations

import json
from typing import Any

_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"})
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that hold private or symmetric key material (RFC 7518 section 6)."""


def parse_jwks(text: str) -> list[dict[str, Any]]:
    """The keys of a JWK set given as JSON text.

    Raises:
        ValueError: not JSON, or not an object with a list `keys` of objects that have `kty`.
    """
    parsed = json.loads(text)
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and "kty" in key for key in keys):
        raise ValueError("not a JWK set: an object with a list `keys` of keys is expected")
    return keys


def canonical_jwks(text: str) -> str:
    """Canonical text of the public part of a JWK set; text that is no JWK set comes back as it is."""
    try:
        keys = parse_jwks(text)
        public = [{name: value for name, value in key.items() if name in _PUBLIC} for key in keys]
        ordered = sorted(public, key=lambda key: json.dumps(key, sort_keys=True))
        return json.dumps({"keys": ordered}, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


def private_members(text: str) -> tuple[str, ...]:
    """Names of the private members found in a JWK set, sorted; empty for text that is no JWK set."""
    try:
        keys = parse_jwks(text)
    except ValueError:
        return ()
    return tuple(sorted({name for key in keys for name in key if name in PRIVATE}))
