"""A token that somebody else got: from the environment, a file, or by WLCG bearer token discovery."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError
from iac.providers.bearer import read_bearer
from iac.providers.logins import Login

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iac.core.secret import Secret
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


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
