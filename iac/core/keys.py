"""Keys with which clients log in by private_key_jwt: which are there, and which one services are to use. Pure.

Private halves are sealed (`SealedSecret`). Each key has an id, `kid`: its thumbprint (RFC 7638).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.core.semantics.jwks import canonical_jwks, parse_jwks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iac.core.model import Fields
    from iac.core.state import SealedSecret, State


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One key pair of an address.

    Attributes:
        public: its public JWK (RFC 7517 section 4), canonical JSON text.
        private: JSON with `jwk` and `pem` (PKCS #8), sealed.
    """

    kid: str
    public: str
    private: SealedSecret


def key_set(keys: Sequence[ClientKey]) -> str:
    """The JWK set of their public halves, canonical JSON text (RFC 7517 section 5)."""
    return canonical_jwks(json.dumps({"keys": [json.loads(key.public) for key in keys]}))


def key_in_use(keys: Sequence[ClientKey], fields: Fields) -> ClientKey | None:
    """The newest key that the server knows: of those in its registered jwk, or of all where it fetches a jwks_uri."""
    known = _kids(str(fields.get("jwk", "")))
    usable = [key for key in keys if "jwks_uri" in fields or key.kid in known]
    return usable[-1] if usable and fields.get("token_endpoint_auth_method") == "private_key_jwt" else None


def _kids(jwk: str) -> frozenset[str]:
    return frozenset(str(key.get("kid")) for key in parse_jwks(jwk)) if jwk else frozenset()


def kid_in_use(keys: Mapping[str, Sequence[ClientKey]], address: str, fields: Fields) -> str:
    """The id of the key in use of an address; "" for none."""
    key = key_in_use(keys.get(address, ()), fields)
    return key.kid if key else ""


def with_keys(state: State, address: str, keys: tuple[ClientKey, ...]) -> State:
    """The state in which an address has these keys."""
    others = {name: held for name, held in state.keys.items() if name != address}
    return replace(state, keys={**others, address: keys} if keys else others)
