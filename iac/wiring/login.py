"""From iac.yaml's login to a login that can be used. Only the one in use is imported; its secrets are read here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from iac.clock import SystemClock
from iac.core.errors import InputError
from iac.ports.site import LoginSite
from iac.providers.logins import Login
from iac.transport.client import Transport
from iac.wiring.site import site_of

if TYPE_CHECKING:
    from iac.config.settings import Settings


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
    if settings.auth is None:
        raise InputError("iac.yaml has no auth: how iac logs in", fix="auth: {method: ...}")
    ask = teller.say if teller.can_ask() else None
    at = LoginSite(site_of(settings, SystemClock()), scopes, ask, teller.say, settings.api)
    login: Login = settings.auth.open(at)
    return login


def login_client_id(settings: Settings) -> str:
    """The client that iac logs in with, which it never touches; "" when the way says nothing of it."""
    source = settings.auth.client if settings.auth else None
    return source.read(os.environ, settings.root).reveal() if source else ""


def pinned_issuer(environ: Mapping[str, str]) -> str:
    """IAC_ISSUER; "" when it is not set. One that is set to nothing was meant to pin, and pins nothing: no way on."""
    if environ.get("IAC_ISSUER") == "":
        raise InputError(
            "IAC_ISSUER is set, but empty",
            why="it is to hold the project to one server, and would hold it to none",
            fix="set it to the issuer, or unset it",
        )
    return environ.get("IAC_ISSUER", "")


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
