"""A private key to sign assertions with, from PEM or JWK. The one module that imports joserfc, which is an extra."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from iac.core.errors import InputError
from iac.core.text import install_extra, printable

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    from iac.core.secret import Secret

    Key = RSAKey | ECKey | OKPKey

_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("Ed25519", "EdDSA")}
_RSA = ("RS256", "PS256")
_LEAST_BITS = 2048
_FIX = "provide an RSA, EC (P-256, P-384, P-521) or Ed25519 private key, PEM without passphrase or JWK"


class SigningKey:
    """A private key.

    Args:
        key: joserfc's.
        algorithms: by which it can sign (RFC 7518 section 3.1, RFC 8037, RFC 9864), the usual one first.
        key_id: what the server knows it by; "" when nothing says it.
    """

    def __init__(self, key: Key, algorithms: tuple[str, ...], key_id: str) -> None:
        self._key = key
        self.algorithms = algorithms
        self._key_id = key_id

    def sign(self, claims: Mapping[str, object], algorithm: str) -> str:
        """The claims as a signed JWT (RFC 7515 section 7.1)."""
        from joserfc import jwt  # an extra

        header = {"alg": algorithm, **({"kid": self._key_id} if self._key_id else {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # EdDSA is what servers know Ed25519 by
            return jwt.encode(header, dict(claims), self._key, algorithms=[algorithm])


def parse_key(text: Secret, where: str, key_id: str = "") -> SigningKey:
    """The key in a text.

    Args:
        text: PEM (PKCS #1, PKCS #8 or SEC 1) or one JWK (RFC 7517).
        where: the text is from, for messages.
        key_id: `kid` of the assertions; "" for the JWK's own.

    Raises:
        InputError: joserfc is not installed, or the text is no usable private key.
    """
    # imported whole: a package that is found can still lack what it needs itself
    try:
        for name in ("joserfc", "joserfc.jwk"):
            import_module(name)
    except ImportError as error:
        fix = install_extra("jose")
        raise InputError("private_key_jwt is not installed", where="auth.method", why=str(error), fix=fix) from error
    key = _read(text)
    if isinstance(key, str):
        raise InputError("the private key cannot be used", where=where, why=key, fix=_FIX)
    algorithms = _algorithms(key)
    if problem := _problem(key, algorithms):
        raise InputError("the private key cannot be used", where=where, why=problem, fix=_FIX)
    return SigningKey(key, algorithms, key_id or str(key.get("kid") or ""))


def _read(text: Secret) -> Key | str:
    """The private key, or why there is none. Nothing is raised where the clear text is."""
    clear = text.reveal()
    is_pem = clear.startswith("-----BEGIN ")
    if is_pem and "ENCRYPTED" in clear:
        return "it is encrypted, and nobody is asked for its passphrase"
    value = clear.encode() if is_pem else _parse_jwk(clear)
    if value is None:
        return "it is neither PEM nor a JWK; of a JWK set, take the one key"
    key = _import(value)
    if key is None:
        return "it is not a key of these kinds"
    return key if key.is_private else "it is a public key"


def _parse_jwk(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "kty" in value else None


def _import(value: bytes | dict[str, Any]) -> Key | None:
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # an extra

    kinds: tuple[type[Key], ...] = (RSAKey, ECKey, OKPKey)
    for kind in kinds:
        if isinstance(value, dict) and value["kty"] != kind.key_type:
            continue
        with warnings.catch_warnings(), suppress(Exception):  # each kind has its own ways to say no
            warnings.simplefilter("ignore")  # what is weak is refused later
            return kind.import_key(value)
    return None


def _algorithms(key: Key) -> tuple[str, ...]:
    """By which algorithms a key can sign: the one that a JWK names, else those of its kind."""
    able: tuple[str, ...] = _RSA if key.key_type == "RSA" else _CURVES.get(str(key.get("crv")), ())
    named = str(key.get("alg") or "")
    return tuple(name for name in able if named in {"", name})


def _problem(key: Key, algorithms: tuple[str, ...]) -> str:
    """Why a key cannot sign; "" when it can."""
    from joserfc.jwk import RSAKey  # an extra

    if not algorithms:
        kind = key.get("alg") or key.get("crv")
        return f"it is made for {printable(str(kind))}, which is not known here"
    if isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_BITS:
        return f"an RSA key of {key.public_key.key_size} bits is too short (RFC 7518 section 3.3)"
    return ""
