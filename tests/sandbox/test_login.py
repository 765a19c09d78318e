"""Logins at the token endpoint in cases that no recording shows."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from iac.sandbox.flavour import Flavour
from iac.sandbox.message import Request
from tests.every import every
from tests.sandbox.talk import Talk

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(**more: str) -> dict[str, str]:
    public = RSA_KEY.public_key().public_numbers()
    return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **more}


def ec_jwk(**more: str) -> dict[str, str]:
    public = EC_KEY.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": number(public.x), "y": number(public.y), **more}


def sign(algorithm: str, data: bytes, secret: str, ec_key: ec.EllipticCurvePrivateKey = EC_KEY) -> bytes:
    if algorithm == "RS256":
        return RSA_KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if algorithm == "ES256":
        r, s = decode_dss_signature(ec_key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
    return hmac.new(secret.encode(), data, digest).digest()


def assertion(
    algorithm: str,
    claims: dict[str, Any],
    secret: str = "",
    ec_key: ec.EllipticCurvePrivateKey = EC_KEY,
    **header: str,
) -> str:
    head, payload = b64(json.dumps({"alg": algorithm, **header}).encode()), b64(json.dumps(claims).encode())
    return f"{head}.{payload}.{b64(sign(algorithm, f'{head}.{payload}'.encode(), secret, ec_key))}"


@pytest.fixture
def talk() -> Talk:
    return Talk()


def good_claims(talk: Talk) -> dict[str, Any]:
    now = talk.chance.now // 1000
    return {"iss": "a-client", "sub": "a-client", "aud": "http://localhost:8080/token", "exp": now + 60, "jti": "1"}


def by_assertion(talk: Talk, text: str, **form: str) -> int:
    status, _ = talk.login(
        grant_type="client_credentials", client_assertion_type=JWT_BEARER, client_assertion=text, **form
    )
    return status


def make_keyed(talk: Talk, *keys: dict[str, str]) -> None:
    talk.make(token_endpoint_auth_method="private_key_jwt", jwk=json.dumps({"keys": keys}))


@every("flavour", list(Flavour))
@every("algorithm", ["RS256", "ES256"])
def test_a_client_logs_in_by_its_private_key(flavour: Flavour, algorithm: str) -> None:
    talk = Talk(flavour)
    make_keyed(talk, rsa_jwk(kid="one"), ec_jwk(kid="two"))
    assert by_assertion(talk, assertion(algorithm, good_claims(talk))) == 200
    kid = "one" if algorithm == "RS256" else "two"
    assert by_assertion(talk, assertion(algorithm, good_claims(talk), kid=kid), client_id="a-client") == 200
    assert by_assertion(talk, assertion(algorithm, good_claims(talk), kid="three")) == 200


def test_a_client_logs_in_by_an_assertion_that_its_secret_signs(talk: Talk) -> None:
    talk.make(token_endpoint_auth_method="client_secret_jwt", client_secret="shared-secret")
    assert by_assertion(talk, assertion("HS256", good_claims(talk), "shared-secret")) == 200
    assert by_assertion(talk, assertion("HS256", good_claims(talk), "other-secret")) == 401
    assert by_assertion(talk, assertion("none", good_claims(talk), "shared-secret")) == 401


def test_a_client_of_another_method_cannot_use_an_assertion(talk: Talk) -> None:
    talk.make(client_secret="shared-secret", jwk=json.dumps({"keys": [rsa_jwk()]}))
    assert by_assertion(talk, assertion("RS256", good_claims(talk))) == 401
    assert by_assertion(talk, assertion("HS256", good_claims(talk), "shared-secret")) == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "http://other.example.org/token"},
        {"aud": None},
        {"iss": "somebody"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 9_999_999_999},
        {"nbf": "later"},
    ],
)
def test_an_assertion_for_somebody_else_or_another_time_is_refused(talk: Talk, wrong: dict[str, Any]) -> None:
    make_keyed(talk, rsa_jwk())
    assert by_assertion(talk, assertion("RS256", good_claims(talk) | wrong)) == 401


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        (["x", "http://localhost:8080/token"], 200),
        ("http://localhost:8080/", 401),
        ("http://localhost:8080", 401),
    ],
)
def test_the_audience_is_the_token_endpoint_alone_or_in_a_list(talk: Talk, audience: Any, status: int) -> None:
    make_keyed(talk, rsa_jwk())
    assert by_assertion(talk, assertion("RS256", good_claims(talk) | {"aud": audience})) == status


def test_an_assertion_needs_an_id(talk: Talk) -> None:
    make_keyed(talk, rsa_jwk())
    claims = good_claims(talk)
    del claims["jti"]
    assert by_assertion(talk, assertion("RS256", claims)) == 401


def test_an_assertion_with_another_client_id_beside_it_is_refused(talk: Talk) -> None:
    make_keyed(talk, rsa_jwk())
    assert by_assertion(talk, assertion("RS256", good_claims(talk)), client_id="grafana") == 401


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.W10.e30", "é.é.é"])
def test_what_is_no_assertion_is_refused(talk: Talk, text: str) -> None:
    assert by_assertion(talk, text) == 401


@pytest.mark.parametrize("claims", [{"sub": "nobody"}, {}])
def test_an_assertion_for_no_client_is_an_empty_405(talk: Talk, claims: dict[str, Any]) -> None:
    form = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion("RS256", claims)}
    response = talk.iam.handle(Request("POST", "/token", body=urlencode(form).encode()))
    assert (405, b"") == (response.status, response.body)


def test_a_key_with_broken_members_verifies_nothing(talk: Talk) -> None:
    make_keyed(talk, rsa_jwk() | {"n": "*"})
    assert by_assertion(talk, assertion("RS256", good_claims(talk))) == 401


def test_keys_are_read_from_the_jwks_uri(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.make(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://keys.example.org/")
    assert by_assertion(talk, assertion("RS256", good_claims(talk))) == 401
    monkeypatch.setattr(talk.chance, "fetch", {"https://keys.example.org/": json.dumps({"keys": [1, rsa_jwk()]})}.get)
    assert by_assertion(talk, assertion("RS256", good_claims(talk))) == 200


def test_a_code_that_nobody_gave_is_an_invalid_grant(talk: Talk) -> None:
    status, body = talk.login_basic("grafana", "made-by-hand-1", grant_type="authorization_code", code="x")
    assert (status, body["error"]) == (400, "invalid_grant")


def test_a_grant_that_the_client_has_not_is_refused(talk: Talk) -> None:
    status, body = talk.login_basic("grafana", "made-by-hand-1")
    assert (status, body["error"]) == (401, "invalid_client")


def test_a_wrong_password_is_an_invalid_grant(talk: Talk) -> None:
    for username in ("test", "nobody"):
        status, body = talk.login_basic(
            "password-grant", "secret", grant_type="password", username=username, password="wrong"
        )
        assert (status, body["error"]) == (400, "invalid_grant")


def test_a_client_without_scopes_gets_a_token_without_scope(talk: Talk) -> None:
    secret = talk.make()["client_secret"]
    status, body = talk.login_basic("a-client", secret)
    assert status == 200
    assert "scope" not in body


def test_a_public_client_needs_no_secret(talk: Talk) -> None:
    talk.make(token_endpoint_auth_method="none")
    assert talk.login(grant_type="client_credentials", client_id="a-client")[0] == 200
    assert talk.login(grant_type="client_credentials", client_id="a-client", client_secret="x")[0] == 401


def test_basic_credentials_are_taken_as_they_are(talk: Talk) -> None:
    talk.make("a client", client_secret="s e:c%20ret")
    assert talk.login_basic("a client", "s e:c%20ret")[0] == 200
    assert talk.login_basic("a+client", "s+e%3Ac%2520ret")[0] == 401


@pytest.mark.parametrize("credentials", ["Basic *", "Basic /w=="])
def test_broken_basic_credentials_are_wrong_ones(talk: Talk, credentials: str) -> None:
    response = talk.iam.handle(Request("POST", "/token", headers={"authorization": credentials}))
    assert response.status == 401


@pytest.mark.parametrize("flavour", list(Flavour))
def test_introspection_tells_a_users_token_from_a_clients(flavour: Flavour) -> None:
    talk = Talk(flavour)

    def introspect(token: str) -> Any:
        credentials = base64.b64encode(b"transfer-robot:made-by-hand-3").decode()
        headers = {"authorization": f"Basic {credentials}"}
        answer = talk.iam.handle(Request("POST", "/introspect", headers=headers, body=f"token={token}".encode()))
        return json.loads(answer.body)

    assert introspect(talk.user())["sub"].endswith("2")
    assert introspect(talk.admin)["sub"] == "admin-client-rw"
    assert introspect("unknown") == {"active": False}


def test_a_token_names_issuer_client_and_lifetime(talk: Talk) -> None:
    payload = talk.admin.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["iss"], claims["sub"]) == ("http://localhost:8080/", "admin-client-rw")
    assert claims["exp"] - claims["iat"] == 3600
