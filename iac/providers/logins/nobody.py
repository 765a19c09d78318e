"""No login at all: for servers where anybody may register clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.errors import CredentialsError
from iac.providers.logins import Login

if TYPE_CHECKING:
    from iac.ports import Clock
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http


class Nobody(Login):
    """Who has no token."""

    @property
    def kind(self) -> str:
        """The way in a few words."""
        return "none"

    def fetch(self, http: Http, endpoints: Endpoints, clock: Clock) -> Bearer:  # noqa: ARG002  # there is none
        """Say that there is none.

        Raises:
            CredentialsError: always.
        """
        raise CredentialsError(
            "nobody is logged in",
            where=f"issuer: {endpoints.issuer}",
            why="auth in iac.yaml is {method: none}, and this needs a login",
            fix="set auth in iac.yaml to a login",
        )
