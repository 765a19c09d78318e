"""The client credentials grant: the token endpoint gives a client a token of its own (RFC 6749 section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.providers.logins import Login
from iac.providers.logins.endpoint import Attempt, bearer_of, refused
from iac.transport.date import skew_words

if TYPE_CHECKING:
    from iac.ports import Clock
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.providers.logins.proof import Proof
    from iac.transport.http import Http

GRANT = "client_credentials"


@dataclass(frozen=True, slots=True)
class ClientCredentials(Login):
    """A client that logs in as itself.

    Attributes:
        scopes: asked for, READ_SCOPES or WRITE_SCOPES; empty for all that the client has (rec: login).
    """

    proof: Proof
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
            raise refused(Attempt(self.proof, endpoints, GRANT, self.scopes, skew_words(http.skew)), answer)
        return replace(bearer, subject=bearer.subject or self.proof.client_id)
