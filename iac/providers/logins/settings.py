"""How iac logs in, as `auth` of iac.yaml says it: what is known of each way without opening it.

Sources of secrets are named here and read when a way is opened. A way that is added brings its settings in its own
module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from iac.ports.settings import LoginSettings
from iac.ports.site import ValueSource

_POST = "client_secret_post"


class ClientCredentialsAuth(LoginSettings, frozen=True):
    """Login by the client credentials grant (RFC 6749 section 4.4)."""

    method: ClassVar = "client_credentials"
    opener: ClassVar = "iac.providers.logins.client_credentials"
    is_client: ClassVar = True

    client_id: ValueSource
    client_secret: ValueSource
    token_endpoint_auth_method: str = _POST
    scope: str | Sequence[str] = ()


class PrivateKeyAuth(LoginSettings, frozen=True):
    """Login by the client credentials grant, with a signed assertion (RFC 7523). `key_id` is "" for the key's own."""

    method: ClassVar = "private_key_jwt"
    opener: ClassVar = "iac.providers.logins.client_credentials"
    extra: ClassVar = "jose"
    is_client: ClassVar = True

    client_id: ValueSource
    private_key: ValueSource
    key_id: str = ""
    scope: str | Sequence[str] = ()


class DeviceAuth(LoginSettings, frozen=True):
    """Login by device code (RFC 8628); a public client has no secret."""

    method: ClassVar = "device"
    opener: ClassVar = "iac.providers.logins.device"
    asks_a_person: ClassVar = True

    client_id: ValueSource
    client_secret: ValueSource | None = None
    token_endpoint_auth_method: str = _POST
    scope: str | Sequence[str] = ()


class AgentAuth(LoginSettings, frozen=True):
    """Login by an account of oidc-agent. `audience` is "" for the account's own."""

    method: ClassVar = "oidc-agent"
    opener: ClassVar = "iac.providers.logins.agent"
    asks_a_person: ClassVar = True

    account: str
    audience: str = ""
    scope: str | Sequence[str] = ()


class TokenAuth(LoginSettings, frozen=True):
    """Login by a token that somebody else got."""

    method: ClassVar = "token"
    opener: ClassVar = "iac.providers.logins.given"

    token: ValueSource


class WlcgAuth(LoginSettings, frozen=True):
    """Login by WLCG bearer token discovery."""

    method: ClassVar = "wlcg"
    opener: ClassVar = "iac.providers.logins.given"


class InitialAccessTokenAuth(LoginSettings, frozen=True):
    """No login, but a token that lets its bearer register clients (RFC 7591 section 3)."""

    method: ClassVar = "initial_access_token"
    opener: ClassVar = "iac.providers.logins.given"
    is_nobody: ClassVar = True

    token: ValueSource


class NoAuth(LoginSettings, frozen=True):
    """Nobody logs in."""

    method: ClassVar = "none"
    opener: ClassVar = "iac.providers.logins.given"
    is_nobody: ClassVar = True
