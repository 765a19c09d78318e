"""From iac.yaml's login to a login that can be used. Only the one in use is imported; its secrets are read here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, assert_never

from iac.config.auth import (
    AgentAuth,
    ClientAuth,
    ClientCredentialsAuth,
    DeviceAuth,
    InitialAccessTokenAuth,
    NoAuth,
    PrivateKeyAuth,
    TokenAuth,
    WlcgAuth,
)
from iac.core.errors import InputError
from iac.transport.client import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.config.settings import Settings
    from iac.config.source import Source
    from iac.core.secret import Secret
    from iac.providers.logins import Login
    from iac.providers.logins.given import FoundToken
    from iac.providers.logins.proof import LoginProof


class Teller(Protocol):
    """Who can be asked to log in."""

    def can_ask(self) -> bool:
        """Whether somebody sits there to read what is said."""

    def say(self, text: str) -> None:
        """Say something that has to be read."""


def open_login(settings: Settings, scopes: tuple[str, ...], teller: Teller) -> Login:
    """The way that iac.yaml names. Nothing is sent yet.

    Args:
        settings: of the environment.
        scopes: to ask for; empty for all that can be had.
        teller: who can be asked.

    Raises:
        InputError: a secret cannot be had, or what the way needs is not installed.
    """
    match settings.auth:
        case ClientCredentialsAuth() | PrivateKeyAuth():
            from iac.providers.logins.client_credentials import ClientCredentials  # the way in use alone

            return ClientCredentials(_proof(settings, settings.auth), scopes)
        case DeviceAuth():
            return _device(settings, settings.auth, scopes, teller)
        case AgentAuth(account, audience):
            from iac.providers.logins.agent import OidcAgent

            return OidcAgent(account, scopes, audience)
        case TokenAuth(token):
            from iac.providers.logins.given import GivenToken

            return GivenToken(lambda: _given(settings, token))
        case WlcgAuth():
            from iac.providers.logins.given import GivenToken, find_token

            return GivenToken(lambda: find_token(os.environ, os.geteuid()), "wlcg")
        case InitialAccessTokenAuth() | NoAuth():
            return _without_login(settings, settings.auth)
        case None:
            raise InputError("iac.yaml has no auth: how iac logs in", fix="auth: {method: ...}")
        case _:
            assert_never(settings.auth)


def login_client_id(settings: Settings) -> str:
    """The client that iac logs in with, which it never touches; "" when the way says nothing of it."""
    auth = settings.auth
    return _read(settings, auth.client_id).reveal() if isinstance(auth, ClientAuth) else ""


def pinned_issuer(environ: Mapping[str, str]) -> str:
    """IAC_ISSUER; "" when it is not set. One that is set to nothing was meant to pin, and pins nothing: no way on."""
    if environ.get("IAC_ISSUER") == "":
        raise InputError(
            "IAC_ISSUER is set, but empty",
            why="it is to hold the project to one server, and would hold it to none",
            fix="set it to the issuer, or unset it",
        )
    return environ.get("IAC_ISSUER", "")


def _without_login(settings: Settings, auth: InitialAccessTokenAuth | NoAuth) -> Login:
    if isinstance(auth, NoAuth):
        from iac.providers.logins.given import Nobody

        return Nobody()
    from iac.providers.logins.given import InitialAccessToken

    return InitialAccessToken(lambda: _read(settings, auth.token))


def _device(settings: Settings, auth: DeviceAuth, scopes: tuple[str, ...], teller: Teller) -> Login:
    """Somebody approves scopes that have names: all means those of reading."""
    from iac.providers.logins import READ_SCOPES
    from iac.providers.logins.cache import cache_folder
    from iac.providers.logins.device import DeviceLogin, Terminal

    terminal = Terminal(teller.say if teller.can_ask() else None, teller.say)
    return DeviceLogin(_proof(settings, auth), scopes or READ_SCOPES, cache_folder(os.environ), terminal)


def _proof(settings: Settings, auth: ClientCredentialsAuth | PrivateKeyAuth | DeviceAuth) -> LoginProof:
    from iac.providers.logins.proof import PublicClient, SharedSecret

    client_id = _read(settings, auth.client_id).reveal()
    if isinstance(auth, PrivateKeyAuth):
        from iac.providers.logins.client_credentials import KeyAssertion
        from iac.providers.logins.signing_key import parse_key

        text = _read(settings, auth.private_key)
        return KeyAssertion(client_id, parse_key(text, auth.private_key.describe(), auth.key_id))
    if auth.client_secret is None:
        return PublicClient(client_id)
    return SharedSecret(client_id, _read(settings, auth.client_secret), auth.token_endpoint_auth_method)


def _given(settings: Settings, token: Source) -> FoundToken:
    from iac.providers.logins.given import FoundToken

    return FoundToken(_read(settings, token), token.describe())


def _read(settings: Settings, source: Source) -> Secret:
    return source.read(os.environ, settings.root)


def issuer_transport(settings: Settings, *, parallelism: int) -> Transport:
    """How the issuer is reached; a client certificate is shown to it alone."""
    network = settings.network
    return Transport(
        parallelism=parallelism,
        timeout=settings.timeout,
        deadline=settings.deadline,
        ca_bundle=network.ca,
        certificate=network.certificate,
        key=network.key,
        proxy=network.proxy,
    )


def state_transport(settings: Settings) -> Transport:
    """How a server of state is reached."""
    return Transport(
        timeout=settings.timeout,
        deadline=settings.deadline,
        ca_bundle=settings.network.ca,
        proxy=settings.network.proxy,
    )
