"""Ways to a token, one module each: how iac logs in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iac.providers.bearer import Bearer
    from iac.providers.discovery import KnownServer

READ_SCOPES = ("iam:admin.read",)
"""Scopes for plan (rec: admin-authorization)."""

WRITE_SCOPES = ("iam:admin.read", "iam:admin.write")
"""Scopes for apply."""


class Login(ABC):
    """A way to a token."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The way in a few words, as `iac whoami` shows it."""

    @abstractmethod
    def fetch(self, server: KnownServer) -> Bearer:
        """A token, new each time where the way allows it.

        Raises:
            CredentialsError: there is none, or the server refuses.
        """

    def forget(self, refused: Bearer) -> None:  # noqa: B027  # most ways keep nothing
        """Hear that the server did not accept this token: a way that keeps tokens gives another one next time."""
