"""JWK sets as IAM stores them, and signatures of JSON web tokens (RFC 7517, 7518), by the standard library alone."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from iac.sandbox.message import RefusalError, error

_COMMON = ("use", "key_ops", "alg", "kid", "x5u", "x5t", "x5t#S256", "x5c")
_REQUIRED = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def public_set(text: str) -> str:
    """The set as IAM shows it again: unknown members and private ones gone (rec: admin-jwk).

    Raises:
        RefusalError: 400 unless it is a JWK set (rec: admin-create-rejected, admin-jwk-and-jwks-uri).
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


_HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}
_PREFIXES = {  # DigestInfo of RFC 8017 section 9.2, note 1
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}

# The curve P-256 of FIPS 186-4, y^2 = x^3 - 3x + b over the field of _P, with _N points.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_P256_SIZE = 32

Point = tuple[int, int]


def decode(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2).

    Raises:
        ValueError: for what is not base64url.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def verify_secret(algorithm: str, secret: str, data: bytes, signature: bytes) -> bool:
    """Whether HS256, HS384 or HS512 of the data by the secret is the signature."""
    digest = _HASHES.get(algorithm.removeprefix("HS"))
    if digest is None or not algorithm.startswith("HS"):
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), data, digest).digest(), signature)


def verify_key(algorithm: str, key: Mapping[str, Any], data: bytes, signature: bytes) -> bool:
    """Whether the public JWK verifies the signature: RS256, RS384, RS512 or ES256.

    Raises:
        ValueError: for a key whose members are no base64url.
    """
    digest = _HASHES.get(algorithm[2:])
    if digest is not None and algorithm.startswith("RS") and key.get("kty") == "RSA":
        return _verify_rsa(key, hashlib.new(digest, data).digest(), signature, digest)
    if algorithm == "ES256" and key.get("crv") == "P-256":
        return _verify_p256(key, hashlib.sha256(data).digest(), signature)
    return False


def _integer(key: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(decode(key[name]), "big")


def _verify_rsa(key: Mapping[str, Any], digest: bytes, signature: bytes, name: str) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2)."""
    modulus = _integer(key, "n")
    size = (modulus.bit_length() + 7) // 8
    info = _PREFIXES[name] + digest
    expected = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= modulus:
        return False
    return pow(number, _integer(key, "e"), modulus).to_bytes(size, "big") == expected


def _verify_p256(key: Mapping[str, Any], digest: bytes, signature: bytes) -> bool:
    """ECDSA (FIPS 186-4 section 6.4); the signature is r and s, 32 bytes each (RFC 7518 section 3.4)."""
    point = (_integer(key, "x"), _integer(key, "y"))
    r, s = (int.from_bytes(half, "big") for half in (signature[:_P256_SIZE], signature[_P256_SIZE:]))
    on_curve = (point[1] ** 2 - point[0] ** 3 + 3 * point[0] - _B) % _P == 0
    if len(signature) != 2 * _P256_SIZE or not on_curve or not (0 < r < _N and 0 < s < _N):
        return False
    inverse = pow(s, -1, _N)
    number = int.from_bytes(digest, "big")
    total = _add(_times(number * inverse % _N, _G), _times(r * inverse % _N, point))
    return total is not None and total[0] % _N == r


def _add(left: Point | None, right: Point | None) -> Point | None:
    """The sum of two points; None is the point at infinity."""
    if left is None or right is None:
        return left or right
    if left[0] == right[0]:
        if (left[1] + right[1]) % _P == 0:
            return None
        slope = (3 * left[0] ** 2 - 3) * pow(2 * left[1], -1, _P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, _P)
    x = (slope**2 - left[0] - right[0]) % _P
    return x, (slope * (left[0] - x) - left[1]) % _P


def _times(factor: int, point: Point) -> Point | None:
    """The point added to itself `factor` times."""
    total: Point | None = None
    addend: Point | None = point
    while factor:
        if factor & 1:
            total = _add(total, addend)
        addend = _add(addend, addend)
        factor >>= 1
    return total
