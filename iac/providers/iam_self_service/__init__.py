"""INDIGO IAM's self service, for users and for anybody: what it can do, how it is opened."""

from iac.core.capabilities import Capabilities, Table
from iac.ports.settings import ProviderSettings

PROVIDER = ProviderSettings(
    api=Capabilities(
        provider="iam-self-service",
        tables=frozenset({Table.EVERY, Table.IAM, Table.ONE_BY_ONE, Table.SELF_SERVICE}),
        server_chooses=True,
        reads_all=False,
        uses_tokens=True,
        sets_all=False,
        drops_scopes=True,
        can_replace=False,
        why_no_rotation="self service has none up to 1.13, and none without being the owner",
    ),
    opener="iac.providers.iam_self_service.api:IamSelfService",
    nobody=frozenset({"none"}),
    client_is_nobody=True,
    login="""\
# A user's token. This user becomes the owner of new clients. Where anybody may register, auth: {method: none} will do.
auth:
  method: token
  token: {env: IAM_TOKEN}""",
)
