"""How a token is come by: client credentials at the token endpoint, or a token that is there already."""

from __future__ import annotations

import base64
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.secret import Secret
from iac.core.text import printable
from iac.providers.bearer import Bearer, parse_scopes, read_bearer
from iac.providers.refusal import error_code, read_failure
from iac.transport.message import Answer, Call
from iac.transport.words import server_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http

READ_SCOPES = ("iam:admin.read",)
"""What plan needs (rec: admin-authorization)."""

WRITE_SCOPES = ("iam:admin.read", "iam:admin.write")
"""What apply needs."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")

LONGEST_LIFETIME = 10.0 * 365 * 24 * 3600
"""Seconds; an `expires_in` beyond it is taken for it."""


class Login(ABC):
    """A way to a token."""

    @abstractmethod
    def fetch(self, http: Http, endpoints: Endpoints, now: datetime) -> Bearer:
        """A token, new each time where the way allows it.

        Raises:
            CredentialsError: there is none, or the server refuses.
        """


@dataclass(frozen=True, slots=True)
class ClientCredentials(Login):
    """The client credentials grant (RFC 6749 section 4.4).

    Attributes:
        scopes: asked for, READ_SCOPES or WRITE_SCOPES; empty for all that the client has (rec: login).
        method: client_secret_post works for Basic and post clients on all versions of IAM; client_secret_basic is
            refused from 1.14.1 for a client that is registered for post (rec: login).
    """

    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]
    method: str = "client_secret_post"

    def fetch(self, http: Http, endpoints: Endpoints, now: datetime) -> Bearer:
        """Ask the token endpoint; an answer's scope and lifetime win over the token's claims."""
        answer = http.send(self._call(endpoints.token))
        bearer = _bearer_of(answer, now)
        if bearer is None:
            raise self._refused(answer, endpoints)
        return replace(bearer, subject=bearer.subject or self.client_id)

    def _call(self, path: str) -> Call:
        form = {"grant_type": "client_credentials"}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        if self.method == "client_secret_basic":
            return Call.form(path, form).with_authorization(basic(self.client_id, self.client_secret))
        return Call.form(path, {**form, "client_id": self.client_id, "client_secret": self.client_secret.reveal()})

    def _refused(self, answer: Answer, endpoints: Endpoints) -> UnreachableError:
        where = f"client {printable(self.client_id)} at {printable(endpoints.token_url)}"
        words = server_words(answer, [self.client_secret])
        asked = " ".join(self.scopes)
        if answer.status == HTTPStatus.BAD_REQUEST and error_code(answer) == "invalid_scope":
            return CredentialsError(
                "the login client does not have the scopes that are needed",
                where=where,
                why=f"asked for: {asked}; {words}",
                fix=f"ask an administrator of the IAM to give this client the scopes {asked}",
            )
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            other = "client_secret_post" if self.method == "client_secret_basic" else "client_secret_basic"
            return CredentialsError(
                "the server refuses the login",
                where=where,
                why=f"sent by {self.method}; {words}",
                fix="check auth.client_id and auth.client_secret, that the client has the grant client_credentials,"
                f" or set auth.token_endpoint_auth_method: {other}",
            )
        return read_failure(Call("POST", endpoints.token), answer)


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token and where it was found, for messages."""

    value: Secret
    where: str


@dataclass(frozen=True, slots=True)
class GivenToken(Login):
    """A token that somebody else got: from the environment, a file, or by WLCG bearer token discovery.

    `find` is called anew each time, so that a file which is kept fresh is followed.
    """

    find: Callable[[], FoundToken]

    def fetch(self, http: Http, endpoints: Endpoints, now: datetime) -> Bearer:  # noqa: ARG002  # there already
        """The token as found, when it says that it is this server's and has not expired."""
        found = self.find()
        if not _TOKEN.fullmatch(found.value.reveal()):
            raise CredentialsError(
                "what was found is no token",
                where=found.where,
                why="it is empty, or has characters that no bearer token has (RFC 6750 section 2.1)",
                fix=f"hand in an access token of {endpoints.issuer}",
            )
        bearer = read_bearer(found.value, now)
        if not bearer.issuer:
            raise CredentialsError(
                "the token does not say who issued it",
                where=found.where,
                why="a token that is no JWT with iss cannot be told from another server's, so it is not sent",
                fix=f"hand in an access token of {endpoints.issuer}",
            )
        if bearer.expires is not None and bearer.expires <= now:
            raise CredentialsError(
                "the token has expired",
                where=found.where,
                why=f"it ended at {bearer.expires:%Y-%m-%dT%H:%M:%SZ}, and now is {now:%Y-%m-%dT%H:%M:%SZ}",
                fix="get a new one, for example with oidc-token or htgettoken",
            )
        return bearer


def basic(client_id: str, secret: Secret) -> str:
    """An Authorization header for HTTP Basic; both parts form-encoded first (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _bearer_of(answer: Answer, now: datetime) -> Bearer | None:
    """The token of a token endpoint's answer (RFC 6749 section 5.1); None when it has none."""
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        return None
    bearer = read_bearer(Secret(body["access_token"]), now, _lifetime(body.get("expires_in")))
    scopes = parse_scopes(body.get("scope"))
    return bearer if scopes is None else replace(bearer, scopes=scopes)


def _lifetime(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return min(float(value), LONGEST_LIFETIME)
