"""Does the token endpoint take this secret for this client? Asked so that no token is issued.

The question is a client credentials grant for a scope that no client has: a right secret gets as far as 400
invalid_scope (rec: login), also for a client that has another grant. What is answered after the login can still be a
401, for a grant that the client has not or a client that is disabled (rec: admin-put-full-replace,
admin-enable-disable-user); then its challenge names no realm, while that of a refused login does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from iac.core.capabilities import FULL, Capabilities
from iac.core.model import AUTH_METHODS, uses_secret
from iac.core.registration import Registration
from iac.core.secret import Secret
from iac.ports import Clock
from iac.providers.answer import error_code, is_empty_405, read_failure
from iac.providers.discovery import Endpoints
from iac.providers.logins.client_credentials import GRANT, Assertion, KeyAssertion, SecretAssertion
from iac.providers.logins.proof import LoginProof, SharedSecret
from iac.providers.logins.signing_key import SigningKey
from iac.transport.http import Http
from iac.transport.message import Answer, Call

SCOPE = "iac:no-such-scope"
"""Asked for by the probe; unknown scopes are refused for every client that has scopes."""

_DECIDED = frozenset({"invalid_client", "invalid_scope", "invalid_grant", "invalid_target", "unauthorized_client"})
"""Refusals that come after the login, and that of the login (RFC 6749 section 5.2); others may come before it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One client's secret or key, sent as its server takes it from a client that is registered for the method.

    Attributes:
        client_id: whose it is.
        secret: the client's.
        method: its `token_endpoint_auth_method`.
        api: what the server can do. The answers of an IAM are read as such; of another server only what RFC 6749
            settles counts.
        key: what the client signs with instead, where it logs in so.
    """

    client_id: str
    secret: Secret
    method: str = AUTH_METHODS[0]
    api: Capabilities = FULL
    key: SigningKey | None = None

    @classmethod
    def of(cls, registration: Registration, secret: Secret, api: Capabilities) -> Probe | None:
        """The probe for a client; None for one that takes no secret."""
        if not uses_secret(registration.fields):
            return None
        method = str(registration.fields.get("token_endpoint_auth_method", AUTH_METHODS[0]))
        return cls(registration.client_id, secret, method, api)

    def ask(self, http: Http, endpoints: Endpoints, clock: Clock) -> bool:
        """Whether the login succeeds, whatever becomes of the grant.

        Raises:
            UnreachableError: the answer tells nothing.
        """
        call = self.call(endpoints.token, {"grant_type": GRANT, "scope": SCOPE}, endpoints, clock)
        answer = http.send(call)
        if answer.is_ok:
            return True
        if answer.status == HTTPStatus.BAD_REQUEST and (self.api.is_iam or error_code(answer) in _DECIDED):
            return error_code(answer) != "invalid_client"
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return self.api.is_iam and is_after_login(answer)
        if self.api.is_iam and isinstance(self._proof(), Assertion) and is_empty_405(answer):
            return False  # the client of an assertion is looked up unguarded: none is a crash (rec: client-assertion)
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
