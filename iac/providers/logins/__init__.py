"""Ways to a token, one module each: how iac logs in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iac.providers.bearer import Bearer
    from iac.providers.discovery import Endpoints
    from iac.transport.http import Http

READ_SCOPES = ("iam:admin.read",)
"""What plan needs (rec: admin-authorization)."""

WRITE_SCOPES = ("iam:admin.read", "iam:admin.write")
"""What apply needs."""


class Login(ABC):
    """A way to a token."""

    @abstractmethod
    def fetch(self, http: Http, endpoints: Endpoints, now: datetime) -> Bearer:
        """A token, new each time where the way allows it.

        Raises:
            CredentialsError: there is none, or the server refuses.
        """
