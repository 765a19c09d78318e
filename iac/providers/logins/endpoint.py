"""The token endpoint: how a client proves who it is there (RFC 6749 section 2.3), and what it answers (section 5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import quote_plus

from msgspec import Struct
from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.secret import Secret
from iac.core.text import printable
from iac.ports import Clock
from iac.providers.answer import error_code, is_empty_405, read_failure
from iac.providers.bearer import Bearer, parse_scopes, read_bearer
from iac.providers.discovery import Endpoints, KnownServer
from iac.providers.logins.signing_key import SigningKey
from iac.transport.message import Answer, Call, server_words, skew_words


class LoginProof(ABC):
    """A client and its proof.

    Attributes:
        client_id: who it is.
        method: its `token_endpoint_auth_method` (RFC 7591 section 2).
    """

    client_id: str
    method: str

    @property
    @abstractmethod
    def advice(self) -> str:
        """What to look at when the server refuses it."""

    @abstractmethod
    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """The form, with the proof, for an endpoint at `path`.

        Raises:
            CredentialsError: this server takes no such proof.
        """


@dataclass(frozen=True, slots=True)
class SharedSecret(LoginProof):
    """A client secret.

    Attributes:
        client_id: who it is.
        secret: the client's.
        method: how it is sent.
        has_choice: whether the other method could work where this one does not.
    """

    client_id: str
    secret: Secret
    method: str = "client_secret_post"
    has_choice: bool = True

    @classmethod
    def at(cls, api: Capabilities, client_id: str, secret: Secret, method: str) -> Self:
        """The secret as it is sent to the token endpoint of a server, for a client that is registered for `method`.

        A server that takes Basic as it stands gets the form: it works for Basic and post clients on all versions of
        IAM, while Basic is refused from 1.14.1 for a post client, and newer versions may decode what is sent (rec:
        client-auth-methods, login). Any other server gets what the client is registered for.
        """
        if api.takes_basic_raw:
            return cls(client_id, secret, has_choice=False)
        return cls(client_id, secret, method)

    @property
    def advice(self) -> str:
        """Id, secret, and the other way to send it where there is one."""
        if not self.has_choice:
            return "check auth.client_id and auth.client_secret"
        other = "client_secret_post" if self.method == "client_secret_basic" else "client_secret_basic"
        return f"check auth.client_id and auth.client_secret, or set auth.token_endpoint_auth_method: {other}"

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """Id and secret in the form, or in a header."""
        if self.method == "client_secret_basic":
            return Call.form(path, form).with_authorization(basic(self.client_id, self.secret))
        return Call.form(path, {**form, "client_id": self.client_id, "client_secret": self.secret.reveal()})


@dataclass(frozen=True, slots=True)
class PublicClient(LoginProof):
    """A client without a secret (RFC 6749 section 2.1), which says who it is and proves nothing."""

    client_id: str
    method: str = "none"

    @property
    def advice(self) -> str:
        """Id, and that it may need a secret."""
        return "check auth.client_id, and set auth.client_secret if the client is registered with one"

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """The id in the form."""
        return Call.form(path, {**form, "client_id": self.client_id})


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""`client_assertion_type` (RFC 7523 section 2.2)."""

ASSERTION_LIFETIME = 60
"""Seconds."""


class Assertion(LoginProof):
    """A client that signs, anew for each request."""

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


@dataclass(frozen=True, slots=True)
class SecretAssertion(Assertion):
    """client_secret_jwt: signed with the client's secret."""

    client_id: str
    secret: Secret
    method = "client_secret_jwt"
    advice = "check the client's secret"

    def sign(self, claims: Mapping[str, object], endpoints: Endpoints) -> str:
        """By HMAC with SHA-256 (RFC 7518 section 3.2)."""
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        digest = hmac.new(self.secret.reveal().encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(digest)}"


@dataclass(frozen=True, slots=True)
class KeyAssertion(Assertion):
    """private_key_jwt: signed with a key whose public half the server has."""

    client_id: str
    key: SigningKey
    method = "private_key_jwt"
    advice = (
        "check auth.client_id and auth.private_key, and that the client is registered for private_key_jwt with the"
        " key's public half in jwks_uri or jwk"
    )

    def sign(self, claims: Mapping[str, object], endpoints: Endpoints) -> str:
        """By the first of the key's algorithms that the server says it takes."""
        declared = endpoints.signing_algorithms
        algorithm = next((name for name in self.key.algorithms if not declared or name in declared), None)
        if algorithm is None:
            raise CredentialsError(
                "the server takes no assertions that this key can sign",
                where="auth.private_key",
                why=f"it signs by {' or '.join(self.key.algorithms)}, the server takes {', '.join(sorted(declared))}",
                fix="use an RSA key of 2048 bits or more, or an EC key on the curve P-256",
            )
        return self.key.sign(claims, algorithm)


def basic(client_id: str, secret: Secret, *, is_raw: bool = False) -> str:
    """An Authorization header for HTTP Basic; both parts are form-encoded first (RFC 6749 section 2.3.1).

    `is_raw`: they are sent as they stand, for a server that does not decode them (rec: client-auth-methods 29 to 32).
    """
    pair = f"{client_id}:{secret.reveal()}" if is_raw else f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _encode(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


LONGEST_LIFETIME = 10.0 * 365 * 24 * 3600
"""Seconds; an `expires_in` beyond it is taken for it."""

_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class TokenClient(Struct, frozen=True):
    """A client that asks one server for tokens.

    Attributes:
        scopes: asked for; empty for all that the client has.
    """

    server: KnownServer
    proof: LoginProof
    scopes: tuple[str, ...]

    @property
    def where(self) -> str:
        """The client and the endpoint, for messages."""
        return f"client {printable(self.proof.client_id)} at {printable(self.server.endpoints.token_url)}"

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """The answer to a form that is sent with the proof."""
        server = self.server
        return server.http.send(self.proof.call(path, form, server.endpoints, server.clock))

    def refused(self, grant: str, answer: Answer) -> UnreachableError:
        """The error of an answer that brought no token (RFC 6749 section 5.2)."""
        words = server_words(answer)
        if answer.status == HTTPStatus.BAD_REQUEST and error_code(answer) == "invalid_scope":
            asked = " ".join(self.scopes)
            return CredentialsError(
                "the login client does not have the scopes that are needed",
                where=self.where,
                why=f"asked for: {asked}; {words}",
                fix=f"ask an administrator of the server to give this client the scopes {asked}, or set auth.scope",
            )
        if isinstance(self.proof, Assertion) and is_empty_405(answer):
            return self.no_such_client(f"{words}, as IAM does to an assertion of a client that it does not have")
        if answer.status in _REFUSALS:
            skew = skew_words(self.server.http.skew)
            return CredentialsError(
                "the server refuses the login",
                where=self.where,
                why=f"sent by {self.proof.method}; {words}{f'; {skew}' if skew else ''}",
                fix=f"{self.proof.advice}; the client must be enabled, and needs the grant {grant}",
            )
        return read_failure(Call("POST", self.server.endpoints.token), answer)

    def no_such_client(self, why: str) -> CredentialsError:
        """The error of a login through a client that the server does not have."""
        return CredentialsError(
            "the server does not know this client_id",
            where=self.where,
            why=why,
            fix="check auth.client_id in iac.yaml: it is mistyped, or the client was deleted at the server",
        )


def bearer_of(answer: Answer, now: datetime) -> Bearer | None:
    """The token of a token endpoint's answer (RFC 6749 section 5.1); None when it has none.

    An answer's scope and lifetime win over the token's claims.
    """
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        return None
    bearer = read_bearer(Secret(body["access_token"]), now, lifetime(body.get("expires_in")))
    scopes = parse_scopes(body.get("scope"))
    return bearer if scopes is None else replace(bearer, scopes=scopes)


def lifetime(value: object) -> float | None:
    """Seconds of an `expires_in`; None for none or nonsense."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return float(min(value, LONGEST_LIFETIME))  # first the bound: no float holds each whole number of JSON
