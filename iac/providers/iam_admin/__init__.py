"""INDIGO IAM's management API: what it can do, how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.capabilities import Capabilities
from iac.providers.settings import ProviderSettings

if TYPE_CHECKING:
    from iac.ports import Clock
    from iac.providers.base import Connected, Connection
    from iac.providers.logins import Login


def _open(connection: Connection, login: Login, clock: Clock) -> Connected:
    from iac.providers.iam_admin.api import IamAdmin

    return IamAdmin(connection, login, clock)


PROVIDER = ProviderSettings(
    api=Capabilities(provider="iam-admin"),
    open=_open,
    scopes_of_login=True,
    login="""\
# The login client is registered in the same IAM: grant client_credentials, scopes iam:admin.read and iam:admin.write.
auth:
  method: client_credentials
  client_id: {env: IAC_CLIENT_ID}
  client_secret: {env: IAC_CLIENT_SECRET}""",
)
