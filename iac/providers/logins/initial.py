"""An initial access token: it lets its bearer register clients, and says nothing of itself (RFC 7591 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.providers.bearer import Bearer
from iac.providers.logins import Login

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.core.secret import Secret
    from iac.ports import Clock
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http


KIND = "initial access token"


@dataclass(frozen=True, slots=True)
class InitialAccessToken(Login):
    """Such a token, read when it is needed. It may be opaque: that it is this server's is who configures it to say."""

    find: Callable[[], Secret]

    @property
    def kind(self) -> str:
        """The way in a few words."""
        return KIND

    def fetch(self, http: Http, endpoints: Endpoints, clock: Clock) -> Bearer:  # noqa: ARG002  # there already
        """The token as it is."""
        return Bearer(self.find(), subject=KIND)
