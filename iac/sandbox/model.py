"""What an IAM holds: clients, accounts, tokens, and who is calling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADMIN_READ = "iam:admin.read"
ADMIN_WRITE = "iam:admin.write"
RAT_SCOPE = "registration-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client. Never changed: an update puts a new one in its place.

    `key` is the database's own id, which stays when `client_id` is lost (rec:
    self-service-put-without-client-id). `client_secret` None is "no secret", and `""` one that logs in.
    Lifetimes are in seconds, None where the answer has none; times are in ms since the epoch.
    """

    key: int
    client_id: str | None
    client_name: str | None
    client_secret: str | None = None
    client_description: str | None = None
    redirect_uris: tuple[str, ...] = ()
    client_uri: str | None = None
    contacts: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    jwks_uri: str | None = None
    policy_uri: str | None = None
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - the name of a method
    scope: tuple[str, ...] = ()
    access_token_validity_seconds: int | None = 3600
    refresh_token_validity_seconds: int | None = 2_592_000
    id_token_validity_seconds: int | None = 600
    device_code_validity_seconds: int | None = 600
    reuse_refresh_token: bool = False
    dynamically_registered: bool = False
    allow_introspection: bool = True
    clear_access_tokens_on_refresh: bool = False
    require_auth_time: bool = False
    created_at: int = 0
    last_used: str | None = None
    expiration: str | None = None
    entity_id: str | None = None
    jwk: str | None = None
    code_challenge_method: str | None = None
    active: bool = True
    up_scoping_enabled: bool = True
    status_changed_on: int | None = None
    status_changed_by: str | None = None
    rendered: dict[object, str] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A user. `representation` is what the owners call shows (SCIM, RFC 7643) but for times."""

    username: str
    uuid: str
    email: str
    password: str
    is_admin: bool
    representation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A login that waits for a user's yes (RFC 8628). `account` is who said it; None as long as nobody did."""

    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    expires_ms: int
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for; a registration access token is one with `RAT_SCOPE`."""

    client_key: int
    client_id: str
    account: Account | None
    scopes: frozenset[str]
    token_id: str
    issued_ms: int
    expires_ms: int | None

    @property
    def is_rat(self) -> bool:
        """Whether it is a registration access token (RFC 7592 section 3)."""
        return RAT_SCOPE in self.scopes
