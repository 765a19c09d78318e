"""private_key_jwt: keys as people have them, a server that verifies for real."""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey

from iac.core.errors import CredentialsError, InputError
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.core.text import install_extra
from iac.providers.bearer import parse_claims
from iac.providers.discovery import Endpoints, KnownServer, discover
from iac.providers.logins import READ_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import ASSERTION_LIFETIME, KeyAssertion
from iac.providers.logins.signing_key import parse_key
from iac.sandbox.model import Client
from tests.every import every
from tests.providers.stub import Say, start_stub

if TYPE_CHECKING:
    from iac.providers.bearer import Bearer
    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenHttp

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ENDPOINTS = Endpoints("https://iam.example.org/", "/token", "https://iam.example.org/token")


def pem(key: Any, kind: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes = b"") -> str:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, kind, encryption)
    return text.decode()


def jwk(text: str, *, is_private: bool = False, **more: str) -> dict[str, Any]:
    imported = RSAKey.import_key(text) if text == pem(RSA) else ECKey.import_key(text)
    return {**imported.as_dict(private=is_private), **more}


def register(box: Sandbox, public: dict[str, Any]) -> None:
    store = box.iam.world.store
    store.put(
        Client(
            key=store.new_key(),
            client_id="keyed",
            client_name="Keyed",
            token_endpoint_auth_method="private_key_jwt",
            jwk=json.dumps({"keys": [public]}),
            grant_types=("client_credentials",),
            scope=READ_SCOPES,
        )
    )


def log_in(open_http: OpenHttp, box: Sandbox, clock: SetClock, key: str, key_id: str = "") -> Bearer:
    http = open_http(box.url)
    proof = KeyAssertion("keyed", parse_key(Secret(key), "file key.pem", key_id))
    return ClientCredentials(proof, READ_SCOPES).fetch(
        KnownServer(http, discover(http, Issuer.parse(box.issuer)), clock)
    )


@pytest.mark.parametrize(
    "text",
    [
        pem(RSA),
        pem(RSA, PrivateFormat.TraditionalOpenSSL),
        pem(EC),
        pem(EC, PrivateFormat.TraditionalOpenSSL),
        json.dumps(jwk(pem(RSA), is_private=True)),
        json.dumps(jwk(pem(EC), is_private=True, kid="one", alg="ES256")),
    ],
    ids=["rsa pkcs8", "rsa pkcs1", "ec pkcs8", "ec sec1", "rsa jwk", "ec jwk"],
)
def test_a_client_logs_in_by_its_key_on_every_version(
    open_http: OpenHttp, box: Sandbox, clock: SetClock, text: str
) -> None:
    is_rsa = "RSA" in text or parse_key(Secret(text), "").algorithms[0] == "RS256"
    register(box, jwk(pem(RSA if is_rsa else EC)))

    assert frozenset(READ_SCOPES) == log_in(open_http, box, clock, text).scopes


def test_the_key_id_of_the_settings_wins_over_the_key_s_own(clock: SetClock) -> None:
    """Not seen at the server: IAM tries all keys, whatever the header names (rec: client-assertion 52)."""
    text = json.dumps(jwk(pem(EC), is_private=True, kid="one"))
    for given, expected in (("", "one"), ("two", "two")):
        proof = KeyAssertion("keyed", parse_key(Secret(text), "", given))
        head = (
            proof.call("/token", {}, ENDPOINTS, clock).body.decode().partition("client_assertion=")[2].partition(".")[0]
        )
        assert expected == json.loads(urlsafe_b64decode(head + "=="))["kid"]


def test_another_key_is_refused_and_the_way_on_is_told(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    register(new_box, jwk(pem(RSA)))

    with pytest.raises(CredentialsError, match="refuses the login") as caught:
        log_in(open_http, new_box, clock, pem(EC))

    assert caught.value.why.startswith("sent by private_key_jwt; the server says 401")
    assert "auth.private_key" in caught.value.fix


def test_an_assertion_is_short_lived_for_the_token_endpoint_and_never_the_same(clock: SetClock) -> None:
    proof = KeyAssertion("keyed", parse_key(Secret(pem(EC)), "", "the-kid"))
    calls = [proof.call("/token", {"a": "b"}, ENDPOINTS, clock).body.decode() for _ in range(2)]
    claims = [parse_claims(call.partition("client_assertion=")[2]) for call in calls]

    now = int(clock.now().timestamp())
    assert {
        "iss": "keyed",
        "sub": "keyed",
        "aud": ENDPOINTS.token_url,
        "iat": now,
        "exp": now + ASSERTION_LIFETIME,
    } == {name: value for name, value in claims[0].items() if name != "jti"}
    assert claims[0]["jti"] != claims[1]["jti"]


def header(text: str, declared: frozenset[str]) -> Any:
    endpoints = Endpoints("i", "/token", "t", signing_algorithms=declared)
    token = parse_key(Secret(text), "", "k").sign({"a": 1}, parse_key(Secret(text), "").algorithms[0])
    assert token
    proof = KeyAssertion("c", parse_key(Secret(text), ""))
    head = proof.sign({"a": 1}, endpoints).partition(".")[0]
    return json.loads(urlsafe_b64decode(head + "=="))["alg"]


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        (pem(RSA), {"RS256", "PS256"}, "RS256"),
        (pem(RSA), {"PS256"}, "PS256"),
        (pem(EC), set(), "ES256"),
        (pem(ED), {"EdDSA"}, "EdDSA"),
        (pem(ED), {"Ed25519", "EdDSA"}, "Ed25519"),
        (pem(ec.generate_private_key(ec.SECP384R1())), set(), "ES384"),
        (pem(ec.generate_private_key(ec.SECP521R1())), set(), "ES512"),
    ],
)
def test_the_algorithm_is_one_of_the_key_s_that_the_server_takes(text: str, declared: set[str], expected: str) -> None:
    assert expected == header(text, frozenset(declared))


def test_a_key_that_the_server_cannot_verify_is_refused_before_it_is_asked(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    with pytest.raises(CredentialsError, match="takes no assertions") as caught:
        log_in(open_http, new_box, clock, pem(ED))

    assert "Ed25519 or EdDSA" in caught.value.why
    assert "/token" not in [path for _, path, _ in new_box.log]


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)


@every(
    "text, why",
    [
        ("no key", "neither PEM nor a JWK"),
        ("[" * 100_000, "neither PEM nor a JWK"),
        ('{"keys": []}', "neither PEM nor a JWK"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "not a key of these kinds"),
        ('{"kty": "RSA", "n": 1}', "not a key of these kinds"),
        ("-----BEGIN PRIVATE KEY-----\nhushed\n-----END PRIVATE KEY-----", "not a key of these kinds"),
        (pem(RSA, passphrase=b"pass"), "encrypted"),
        (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "public key"),
        (json.dumps(jwk(pem(RSA))), "public key"),
        (json.dumps(jwk(pem(RSA), is_private=True, alg="RSA-OAEP")), "made for RSA-OAEP"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "made for secp256k1"),
        (json.dumps(OKPKey.generate_key("X25519", private=True).as_dict(private=True)), "made for X25519"),
        (pem(SMALL), "1024 bits is too short"),
    ],
)
def test_what_is_no_usable_key_is_told_and_not_shown(text: str, why: str) -> None:
    with pytest.raises(InputError, match="private key cannot be used") as caught:
        parse_key(Secret(text), "file key.pem")

    assert ("file key.pem", True) == (caught.value.where, why in caught.value.why)
    assert "hushed" not in str(caught.value)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc", None)

    with pytest.raises(InputError, match="not installed") as caught:
        parse_key(Secret(pem(EC)), "")

    assert caught.value.fix == install_extra("jose")


def test_a_wrong_clock_is_named_where_an_assertion_is_refused(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    register(new_box, jwk(pem(EC)))
    clock.time -= timedelta(hours=2, minutes=5)

    with pytest.raises(CredentialsError, match="refuses") as caught:
        log_in(open_http, new_box, clock, pem(EC))

    assert caught.value.why.endswith("; this machine's clock is 2 h behind the server's")


def test_a_refusal_that_repeats_the_assertion_is_not_shown(open_http: OpenHttp, clock: SetClock) -> None:
    def repeat(seen: Any) -> Say:
        return Say(401, {"error": "invalid_client", "error_description": seen.body.decode().partition("assertion=")[2]})

    proof = KeyAssertion("keyed", parse_key(Secret(pem(EC)), ""))
    with start_stub(repeat) as stub, pytest.raises(CredentialsError) as caught:
        ClientCredentials(proof, READ_SCOPES).fetch(KnownServer(open_http(stub.url), ENDPOINTS, clock))

    assert "not shown" in caught.value.why
