"""The client credentials grant (RFC 6749 section 4.4), with a secret or with a signed assertion (RFC 7523)."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from iac.ports import LoginSite
from iac.providers.bearer import Bearer
from iac.providers.discovery import KnownServer
from iac.providers.logins import Login
from iac.providers.logins.endpoint import KeyAssertion, LoginProof, SharedSecret, TokenClient, bearer_of
from iac.providers.logins.settings import ClientCredentialsAuth, PrivateKeyAuth
from iac.providers.logins.signing_key import parse_key

GRANT = "client_credentials"


def open_login(settings: ClientCredentialsAuth | PrivateKeyAuth, at: LoginSite) -> Login:
    """A client that logs in as itself, with its secret or its key."""
    client_id = at.read(settings.client_id).reveal()
    if isinstance(settings, ClientCredentialsAuth):
        secret, method = at.read(settings.client_secret), settings.token_endpoint_auth_method
        return ClientCredentials(SharedSecret.at(at.api, client_id, secret, method), at.scopes)
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

    def fetch(self, server: KnownServer) -> Bearer:
        """Ask the token endpoint."""
        client = TokenClient(server, self.proof, self.scopes)
        scope = {"scope": " ".join(self.scopes)} if self.scopes else {}
        answer = client.post(server.endpoints.token, {"grant_type": GRANT, **scope})
        bearer = bearer_of(answer, server.clock.now())
        if bearer is None:
            raise client.refused(GRANT, answer)
        return replace(bearer, subject=bearer.subject or self.proof.client_id)
