"""Does the token endpoint take this secret for this client? Asked so that no token is issued.

At an IAM the question is a client credentials grant for a scope that no client has: a right secret gets as far as 400
invalid_scope (rec: login), also for a client that has another grant. What is answered after the login can still be a
401, for a grant that the client has not or a client that is disabled (rec: admin-put-full-replace,
admin-enable-disable-user); then its challenge names no realm, while that of a refused login does.

At another server the question is one that this client may ask: a made-up code, refresh token or device code is refused
by invalid_grant when the secret is right (RFC 6749 section 5.2). unauthorized_client is what some say to a grant that
the client does not have and others to a wrong secret: there a secret that is surely wrong tells which.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.capabilities import FULL, Capabilities
from iac.core.model import AUTH_METHODS, GRANT_TYPES, Fields, Registration, members, uses_secret
from iac.core.secret import Secret
from iac.ports import Clock
from iac.providers.answer import error_code, is_empty_405, read_failure
from iac.providers.discovery import Endpoints, KnownServer
from iac.providers.logins.client_credentials import GRANT
from iac.providers.logins.endpoint import Assertion, KeyAssertion, LoginProof, SecretAssertion, SharedSecret
from iac.providers.logins.signing_key import SigningKey
from iac.transport.message import Answer, Call

SCOPE = "iac:no-such-scope"
"""Asked for by the probe; unknown scopes are refused for every client that has scopes."""

AFTER_LOGIN = frozenset({"invalid_scope", "invalid_grant", "invalid_target", "invalid_token", "expired_token"})
"""Refusals that come after the login (RFC 6749 section 5.2, RFC 8628 section 3.5); others may come before it."""

MADE_UP_CODE = {
    "grant_type": "authorization_code",
    "code": "iac-verify-made-up-code",
    "code_verifier": "iac-verify-made-up-verifier-of-43-characters",
}
"""A code and a verifier that nobody was given (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

_MADE_UP: Mapping[str, Mapping[str, str]] = {
    GRANT: {"grant_type": GRANT, "scope": SCOPE},
    "authorization_code": MADE_UP_CODE,
    "refresh_token": {"grant_type": "refresh_token", "refresh_token": "iac-verify-made-up-token"},
    GRANT_TYPES["device_code"]: {"grant_type": GRANT_TYPES["device_code"], "device_code": "iac-verify-made-up-code"},
}
"""A question for each grant that needs nothing but the client; the first that a client has is asked."""


def question_of(fields: Fields) -> tuple[Mapping[str, str], bool]:
    """A question that a client may ask, which no token answers, and whether it surely may.

    A client_credentials grant asks for a scope that nobody has; a server that leaves out unknown scopes gives a token.
    """
    grants, uris = members(fields.get("grant_types")), members(fields.get("redirect_uris"))
    grant = next((name for name in _MADE_UP if name in grants), "")
    form = {**_MADE_UP[grant or "authorization_code"]}
    return (form | {"redirect_uri": uris[0]} if "code" in form and uris else form), bool(grant)


class Probe(Struct, frozen=True):
    """One client's secret or key, sent as its server takes it from a client that is registered for the method.

    Attributes:
        client_id: whose it is.
        secret: the client's.
        method: its `token_endpoint_auth_method`.
        api: what the server can do. The answers of an IAM are read as such; of another server only what RFC 6749
            settles counts.
        key: what the client signs with instead, where it logs in so.
        fields: the client's, by which it is asked what the client may do.
    """

    client_id: str
    secret: Secret
    method: str = AUTH_METHODS[0]
    api: Capabilities = FULL
    key: SigningKey | None = None
    fields: Fields = field(default_factory=dict)

    @classmethod
    def of(cls, registration: Registration, secret: Secret, api: Capabilities) -> Probe | None:
        """The probe for a client; None for one that takes no secret."""
        if not uses_secret(registration.fields):
            return None
        method = str(registration.fields.get("token_endpoint_auth_method", AUTH_METHODS[0]))
        return cls(registration.client_id, secret, method, api, fields=registration.fields)

    def ask(self, server: KnownServer) -> bool:
        """Whether the login succeeds, whatever becomes of the grant.

        Raises:
            UnreachableError: the answer tells nothing.
        """
        if not self.api.is_iam:
            return self._ask_by_grant(server)
        call = self.call(server.endpoints.token, {"grant_type": GRANT, "scope": SCOPE}, server.endpoints, server.clock)
        answer = server.http.send(call)
        if answer.is_ok:
            return True
        if answer.status == HTTPStatus.BAD_REQUEST:
            return error_code(answer) != "invalid_client"
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return is_after_login(answer)
        if isinstance(self._proof(), Assertion) and is_empty_405(answer):
            return False  # the client of an assertion is looked up unguarded: none is a crash (rec: client-assertion)
        raise read_failure(call, answer)

    def _ask_by_grant(self, server: KnownServer) -> bool:
        """By a question that this client may ask."""
        form, is_allowed = question_of(self.fields)
        call = self.call(server.endpoints.token, form, server.endpoints, server.clock)
        answer = server.http.send(call)
        # other successes say nothing: some servers refuse by a 200, a proxy shows its page
        body = answer.json() if answer.is_ok else None
        has_token = isinstance(body, dict) and bool(body.get("access_token"))
        if has_token or error_code(answer) in AFTER_LOGIN:
            return True
        if error_code(answer) == "invalid_client":
            return False
        if error_code(answer) != "unauthorized_client":
            raise read_failure(call, answer)
        wrong = replace(self, secret=Secret(server.clock.token()), key=None)
        again = wrong.call(call.path, form, server.endpoints, server.clock)
        control = server.http.send(again) if self.key is None else answer
        if (control.status, control.body) != (answer.status, answer.body):
            return True
        if is_allowed:
            return False
        raise read_failure(call, answer)

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """A form with the client's credentials (RFC 6749 section 2.3.1, RFC 7523 section 2.2)."""
        return self._proof().call(path, form, endpoints, clock)

    @property
    def sent_by(self) -> str:
        """The method by which it is sent."""
        return self._proof().method

    def _proof(self) -> LoginProof:
        if self.key is not None:
            return KeyAssertion(self.client_id, self.key)
        if self.method == "client_secret_jwt":
            return SecretAssertion(self.client_id, self.secret)
        method = "client_secret_post" if self.method == "client_secret_post" else "client_secret_basic"
        return SharedSecret.at(self.api, self.client_id, self.secret, method)


def is_after_login(answer: Answer) -> bool:
    """Whether a 401 of an IAM is about the grant: the challenge of a refused login names a realm (rec: login)."""
    challenge = answer.headers.get("www-authenticate", "").lower()
    return bool(challenge) and "realm=" not in challenge
