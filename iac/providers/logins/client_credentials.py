"""The client credentials grant: the token endpoint gives a client a token of its own (RFC 6749 section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError, UnreachableError
from iac.core.text import printable
from iac.providers.logins import Login
from iac.providers.logins.endpoint import basic, bearer_of
from iac.providers.refusal import error_code, read_failure
from iac.transport.message import Answer, Call
from iac.transport.words import server_words

if TYPE_CHECKING:
    from datetime import datetime

    from iac.core.secret import Secret
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http


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
        bearer = bearer_of(answer, now)
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
