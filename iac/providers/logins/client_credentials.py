"""The client credentials grant (RFC 6749 section 4.4), with a secret or with a signed assertion (RFC 7523)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from iac.core.errors import CredentialsError
from iac.core.secret import Secret
from iac.ports import Clock, LoginSite
from iac.providers.bearer import Bearer
from iac.providers.discovery import Endpoints
from iac.providers.logins import Login
from iac.providers.logins.endpoint import TokenRequest, bearer_of, refused
from iac.providers.logins.proof import LoginProof, SharedSecret
from iac.providers.logins.settings import ClientCredentialsAuth, PrivateKeyAuth
from iac.providers.logins.signing_key import SigningKey
from iac.transport.http import Http
from iac.transport.message import Call
from iac.transport.retry import skew_words

GRANT = "client_credentials"


def open_login(settings: ClientCredentialsAuth | PrivateKeyAuth, at: LoginSite) -> Login:
    """A client that logs in as itself, with its secret or its key."""
    client_id = at.read(settings.client_id).reveal()
    if isinstance(settings, ClientCredentialsAuth):
        secret, method = at.read(settings.client_secret), settings.token_endpoint_auth_method
        return ClientCredentials(SharedSecret.at(at.api, client_id, secret, method), at.scopes)
    from iac.providers.logins.signing_key import parse_key  # needs an extra

    source = settings.private_key
    key = parse_key(at.read(source), source.describe(), settings.key_id)
    return ClientCredentials(KeyAssertion(client_id, key), at.scopes)


@dataclass(frozen=True, slots=True)
class ClientCredentials(Login):
    """A client that logs in as itself.

    Attributes:
        scopes: asked for, READ_SCOPES or WRITE_SCOPES; empty for all that the client has (rec: login).
    """

    proof: LoginProof
    scopes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The grant, and how the client proves who it is."""
        return f"{GRANT} by {self.proof.method}"

    def fetch(self, http: Http, endpoints: Endpoints, clock: Clock) -> Bearer:
        """Ask the token endpoint."""
        form = {"grant_type": GRANT}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        answer = http.send(self.proof.call(endpoints.token, form, endpoints, clock))
        bearer = bearer_of(answer, clock.now())
        if bearer is None:
            raise refused(TokenRequest(self.proof, endpoints, GRANT, self.scopes, skew_words(http.skew)), answer)
        return replace(bearer, subject=bearer.subject or self.proof.client_id)


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""`client_assertion_type` (RFC 7523 section 2.2)."""

ASSERTION_LIFETIME = 60
"""Seconds."""


class Assertion(LoginProof):
    """A client that signs, anew for each request.

    Args:
        client_id: who it is.
    """

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """The form with an assertion for this server's token endpoint."""
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": endpoints.token_url,
            "jti": clock.token(),
            "iat": now,
            "exp": now + ASSERTION_LIFETIME,
        }
        signed = self.sign(claims, endpoints)
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        return Call.form(path, {**form, "client_id": self.client_id, **proof})

    @abstractmethod
    def sign(self, claims: Mapping[str, object], endpoints: Endpoints) -> str:
        """The claims as a JWT (RFC 7515 section 7.1)."""


class SecretAssertion(Assertion):
    """client_secret_jwt: signed with the client's secret.

    Args:
        client_id: who it is.
        secret: the client's.
    """

    method = "client_secret_jwt"
    advice = "check the client's secret"

    def __init__(self, client_id: str, secret: Secret) -> None:
        super().__init__(client_id)
        self._secret = secret

    def sign(self, claims: Mapping[str, object], endpoints: Endpoints) -> str:
        """By HMAC with SHA-256 (RFC 7518 section 3.2)."""
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        digest = hmac.new(self._secret.reveal().encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(digest)}"


class KeyAssertion(Assertion):
    """private_key_jwt: signed with a key whose public half the server has.

    Args:
        client_id: who it is.
        key: to sign with.
    """

    method = "private_key_jwt"
    advice = (
        "check auth.client_id and auth.private_key, and that the client is registered for private_key_jwt with the"
        " key's public half in jwks_uri or jwk"
    )

    def __init__(self, client_id: str, key: SigningKey) -> None:
        super().__init__(client_id)
        self._key = key

    def sign(self, claims: Mapping[str, object], endpoints: Endpoints) -> str:
        """By the first of the key's algorithms that the server says it takes."""
        declared = endpoints.signing_algorithms
        algorithm = next((name for name in self._key.algorithms if not declared or name in declared), None)
        if algorithm is None:
            raise CredentialsError(
                "the server takes no assertions that this key can sign",
                where="auth.private_key",
                why=f"it signs by {' or '.join(self._key.algorithms)}, the server takes {', '.join(sorted(declared))}",
                fix="use an RSA key of 2048 bits or more, or an EC key on the curve P-256",
            )
        return self._key.sign(claims, algorithm)


def _encode(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
