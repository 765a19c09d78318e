"""How iac logs in, as iac.yaml says it. Secrets are named there and read later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iac.ports.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POST = "client_secret_post"


@dataclass(frozen=True, slots=True)
class ClientCredentialsAuth:
    """Login by the client credentials grant (RFC 6749 section 4.4)."""

    client_id: Source
    client_secret: Source
    token_endpoint_auth_method: str = _POST


@dataclass(frozen=True, slots=True)
class PrivateKeyAuth:
    """Login by the client credentials grant, with a signed assertion (RFC 7523). `key_id` is "" for the key's own."""

    client_id: Source
    private_key: Source
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class DeviceAuth:
    """Login by device code (RFC 8628); a public client has no secret."""

    client_id: Source
    client_secret: Source | None = None
    token_endpoint_auth_method: str = _POST


@dataclass(frozen=True, slots=True)
class AgentAuth:
    """Login by an account of oidc-agent. `audience` is "" for the account's own."""

    account: str
    audience: str = ""


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """Login by a token that somebody else got."""

    token: Source


@dataclass(frozen=True, slots=True)
class WlcgAuth:
    """Login by WLCG bearer token discovery."""


@dataclass(frozen=True, slots=True)
class InitialAccessTokenAuth:
    """No login, but a token that lets its bearer register clients (RFC 7591 section 3)."""

    token: Source


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Nobody logs in."""


ClientAuth = ClientCredentialsAuth | PrivateKeyAuth | DeviceAuth
"""Ways that go through a client of ours."""

Auth = ClientAuth | AgentAuth | TokenAuth | WlcgAuth | InitialAccessTokenAuth | NoAuth


def parse_auth(value: Mapping[str, Any]) -> Auth:
    """The login of an `auth` that its schema has passed."""
    return _WAYS[value["method"]](value)


def secrets_of(auth: Auth | None) -> list[Source]:
    """Where the secrets of a login come from."""
    match auth:
        case ClientCredentialsAuth() | DeviceAuth():
            return [auth.client_secret] if auth.client_secret else []
        case PrivateKeyAuth():
            return [auth.private_key]
        case TokenAuth() | InitialAccessTokenAuth():
            return [auth.token]
        case _:
            return []


def _source(value: Mapping[str, Any], key: str) -> Source:
    return Source.parse(f"auth.{key}", value[key])


def _client_credentials(value: Mapping[str, Any]) -> Auth:
    method = value.get("token_endpoint_auth_method", _POST)
    return ClientCredentialsAuth(_source(value, "client_id"), _source(value, "client_secret"), method)


def _device(value: Mapping[str, Any]) -> Auth:
    secret = _source(value, "client_secret") if "client_secret" in value else None
    return DeviceAuth(_source(value, "client_id"), secret, value.get("token_endpoint_auth_method", _POST))


def _private_key(value: Mapping[str, Any]) -> Auth:
    return PrivateKeyAuth(_source(value, "client_id"), _source(value, "private_key"), value.get("key_id", ""))


_WAYS: Mapping[str, Callable[[Mapping[str, Any]], Auth]] = {
    "client_credentials": _client_credentials,
    "private_key_jwt": _private_key,
    "device": _device,
    "oidc-agent": lambda value: AgentAuth(value["account"], value.get("audience", "")),
    "token": lambda value: TokenAuth(_source(value, "token")),
    "wlcg": lambda _: WlcgAuth(),
    "initial_access_token": lambda value: InitialAccessTokenAuth(_source(value, "token")),
    "none": lambda _: NoAuth(),
}
