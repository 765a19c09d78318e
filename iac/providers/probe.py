"""Does the token endpoint take this secret for this client? Asked so that no token is issued.

The question is a client credentials grant for a scope that no client has: a right secret gets as far as 400
invalid_scope (rec: login), also for a client that has another grant. What is answered after the login can still be a
401, for a grant that the client has not or a client that is disabled (rec: admin-put-full-replace,
admin-enable-disable-user); then its challenge names no realm, while that of a refused login does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from iac.core.model import AUTH_METHODS
from iac.providers.logins.endpoint import basic
from iac.providers.refusal import error_code, read_failure
from iac.transport.message import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.secret import Secret
    from iac.ports import Clock
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http
    from iac.transport.message import Answer

SCOPE = "iac:no-such-scope"
"""Asked for by the probe; unknown scopes are refused for every client that has scopes."""

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME = 60


@dataclass(frozen=True, slots=True)
class Probe:
    """One client's secret, sent by the method that the client is registered for (enforced by IAM from 1.14.1)."""

    client_id: str
    secret: Secret
    method: str = AUTH_METHODS[0]

    def ask(self, http: Http, endpoints: Endpoints, clock: Clock) -> bool:
        """Whether the login succeeds, whatever becomes of the grant.

        Raises:
            UnreachableError: the answer tells nothing.
        """
        call = self.call(endpoints.token, {"grant_type": "client_credentials", "scope": SCOPE}, endpoints, clock)
        answer = http.send(call)
        if answer.is_ok:
            return True
        if answer.status == HTTPStatus.BAD_REQUEST:
            return error_code(answer) != "invalid_client"
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return _is_after_login(answer)
        raise read_failure(call, answer)

    def call(self, path: str, form: Mapping[str, str], endpoints: Endpoints, clock: Clock) -> Call:
        """A form with the client's credentials (RFC 6749 section 2.3.1, RFC 7523 section 2.2)."""
        if self.method == "client_secret_jwt":
            proof = {"client_assertion_type": _ASSERTION, "client_assertion": self._assertion(endpoints, clock)}
            return Call.form(path, {**form, "client_id": self.client_id, **proof})
        if self.method == "client_secret_post":
            return Call.form(path, {**form, "client_id": self.client_id, "client_secret": self.secret.reveal()})
        return Call.form(path, form).with_authorization(basic(self.client_id, self.secret))

    def _assertion(self, endpoints: Endpoints, clock: Clock) -> str:
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": endpoints.token_url,
            "jti": clock.token(),
            "iat": now,
            "exp": now + _ASSERTION_LIFETIME,
        }
        return sign_hs256(claims, self.secret)


def sign_hs256(claims: Mapping[str, object], secret: Secret) -> str:
    """A JWT signed with a client secret (RFC 7515 section 7.1, RFC 7518 section 3.2, RFC 7523 section 3)."""
    signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
    digest = hmac.new(secret.reveal().encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(digest)}"


def _is_after_login(answer: Answer) -> bool:
    challenge = answer.headers.get("www-authenticate", "").lower()
    return bool(challenge) and "realm=" not in challenge


def _encode(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
