"""Key pairs for clients that log in by private_key_jwt (RFC 7523). joserfc, an extra, is imported where one is made."""

from __future__ import annotations

import json
import warnings
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from iac.core.errors import InputError
from iac.core.secret import Secret
from iac.core.text import install_extra

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey


class KeyType(StrEnum):
    """Which key, named by the algorithm that it signs with (RFC 7518 section 3.1)."""

    ES256 = "ES256"
    RS256 = "RS256"


def make_key(kind: KeyType, bits: int) -> tuple[str, str, Secret]:
    """A new key: its id (the thumbprint, RFC 7638), its public JWK as canonical JSON, and JSON with `jwk` and `pem`.

    Args:
        kind: ES256 for a key on P-256, RS256 for RSA.
        bits: of an RSA key.

    Raises:
        InputError: joserfc is not installed.
    """
    key = _generate(kind, bits)
    kid = key.thumbprint()
    named = {"kid": kid, "use": "sig", "alg": str(kind)}
    public = json.dumps({**key.as_dict(private=False), **named}, sort_keys=True, separators=(",", ":"))
    private = {"jwk": {**key.as_dict(private=True), **named}, "pem": key.as_pem(private=True).decode()}
    return kid, public, Secret(json.dumps(private))


def _generate(kind: KeyType, bits: int) -> ECKey | RSAKey:
    try:
        from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise InputError("keys cannot be made here", why=str(error), fix=install_extra("jose")) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Any = ECKey.generate_key("P-256") if kind is KeyType.ES256 else RSAKey.generate_key(bits)
    key: ECKey | RSAKey = made
    return key
