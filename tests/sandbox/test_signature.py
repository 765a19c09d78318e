"""The sandbox's own verification of signatures agrees with a library's."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from iac.sandbox.jose import _G, _N, _P, _add, _times, decode, verify_key, verify_secret
from tests.every import every
from tests.sandbox.test_login import EC_KEY, RSA_KEY, ec_jwk, number, rsa_jwk, sign

KEYS = {"RS256": rsa_jwk(), "ES256": ec_jwk()}


@pytest.mark.parametrize("algorithm", list(KEYS))
@given(data=st.binary(max_size=100), at=st.integers(0, 63), flip=st.integers(1, 255))
@settings(max_examples=15, deadline=None)
def test_a_signature_verifies_until_one_bit_changes(algorithm: str, data: bytes, at: int, flip: int) -> None:
    signature = sign(algorithm, data, "")
    changed = bytearray(signature)
    changed[at] ^= flip
    assert verify_key(algorithm, KEYS[algorithm], data, signature)
    assert not verify_key(algorithm, KEYS[algorithm], data, bytes(changed))
    assert not verify_key(algorithm, KEYS[algorithm], data + b"x", signature)


@pytest.mark.parametrize(("name", "digest"), [("RS384", hashes.SHA384()), ("RS512", hashes.SHA512())])
def test_longer_digests_are_verified(name: str, digest: hashes.HashAlgorithm) -> None:
    signature = RSA_KEY.sign(b"data", padding.PKCS1v15(), digest)
    assert verify_key(name, rsa_jwk(), b"data", signature)
    assert not verify_key("RS256", rsa_jwk(), b"data", signature)


@every("algorithm", ["none", "RS1", "PS256", "ES384", "HS256", ""])
def test_other_algorithms_verify_nothing(algorithm: str) -> None:
    assert not verify_key(algorithm, rsa_jwk(), b"data", sign("RS256", b"data", ""))
    assert not verify_key(algorithm, ec_jwk(), b"data", sign("ES256", b"data", ""))


@pytest.mark.parametrize("algorithm", ["none", "HS1", "RS256", ""])
def test_other_algorithms_prove_no_secret(algorithm: str) -> None:
    assert not verify_secret(algorithm, "secret", b"data", sign("HS256", b"data", "secret"))


def test_signatures_of_a_wrong_size_or_range_are_refused() -> None:
    for signature in (b"", b"\xff" * 256, b"\x00" * 255):
        assert not verify_key("RS256", rsa_jwk(), b"data", signature)
    for signature in (b"", b"\x00" * 64, b"\xff" * 64, b"\x01" * 63, b"\x01" * 65):
        assert not verify_key("ES256", ec_jwk(), b"data", signature)


def test_a_point_off_the_curve_is_no_key() -> None:
    off = ec_jwk(y=number(EC_KEY.public_key().public_numbers().y ^ 1))
    assert not verify_key("ES256", off, b"data", sign("ES256", b"data", ""))


def test_the_points_of_the_curve_are_a_group() -> None:
    assert _times(_N, _G) is None
    assert _add(_G, (_G[0], _P - _G[1])) is None
    assert _add(None, _G) == _G
    assert _add(_times(2, _G), _G) == _times(3, _G)


@given(st.binary(max_size=40))
def test_base64url_is_read_without_padding(raw: bytes) -> None:
    assert raw == decode(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
