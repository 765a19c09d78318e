"""INDIGO IAM's management API: what it can do, how it is opened."""

from iac.core.capabilities import Capabilities
from iac.ports.settings import ProviderSettings

PROVIDER = ProviderSettings(
    api=Capabilities(provider="iam-admin"),
    opener="iac.providers.iam_admin.api:IamAdmin",
    scopes_of_login=True,
    login="""\
# The login client is registered in the same IAM: grant client_credentials, scopes iam:admin.read and iam:admin.write.
auth:
  method: client_credentials
  client_id: {env: IAC_CLIENT_ID}
  client_secret: {env: IAC_CLIENT_SECRET}""",
)
