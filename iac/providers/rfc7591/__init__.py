"""Any server with dynamic client registration (RFC 7591): what it can do, how it is opened."""

from iac.core.capabilities import Capabilities, Table
from iac.ports.settings import ProviderSettings

PROVIDER = ProviderSettings(
    api=Capabilities(
        provider="rfc7591",
        tables=frozenset({Table.EVERY, Table.ONE_BY_ONE, Table.RFC7591}),
        server="the server",
        is_iam=False,
        server_chooses=True,
        reads_all=False,
        uses_tokens=True,
        sets_all=False,
        knows_defaults=False,
        can_rotate=False,
        why_no_rotation="RFC 7592 has none",
        shows_true_secrets=False,
        renews_tokens=True,
        takes_basic_raw=False,
    ),
    opener="iac.providers.rfc7591.api:Rfc7591",
    nobody=frozenset({"none", "initial_access_token"}),
    login="""\
# What lets iac register clients. Where anybody may register, auth: {method: none} will do.
auth:
  method: initial_access_token
  token: {env: IAC_INITIAL_ACCESS_TOKEN}""",
)
