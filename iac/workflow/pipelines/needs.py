"""What the jobs of a project need beside `iac` itself: variables that its settings name, and extras of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.config.auth import AgentAuth, ClientAuth, DeviceAuth, PrivateKeyAuth, secrets_of
from iac.config.sink import SopsSettings
from iac.core.errors import InputError
from iac.ports.source import Origin, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iac.config.settings import Settings


def login_variables(settings: Settings) -> tuple[str, ...]:
    """Environment variables that `auth` names.

    Raises:
        InputError: its method asks a person, who is not there.
    """
    auth = settings.auth
    if isinstance(auth, DeviceAuth | AgentAuth):
        raise InputError(
            "no pipeline can log in as a person does",
            where="auth.method: " + ("device" if isinstance(auth, DeviceAuth) else "oidc-agent"),
            why="it runs with nobody there",
            fix="auth: {method: private_key_jwt, ...} or client_credentials; docs/how-to/log-in.md",
        )
    named = [auth.client_id] if isinstance(auth, ClientAuth) else []
    return _variables([*named, *secrets_of(auth)])


def state_variables(settings: Settings) -> tuple[str, ...]:
    """Environment variables that say the login at the server of the state."""
    return _variables(settings.state.place.login)


def extras(settings: Settings) -> tuple[str, ...]:
    """Extras that the login, the place of the state and the sinks need."""
    needed = {
        "jose": isinstance(settings.auth, PrivateKeyAuth),
        settings.state.place.extra: True,
        "sops": any(isinstance(sink, SopsSettings) for sink in settings.sinks.values()),
    }
    return tuple(name for name, is_needed in needed.items() if name and is_needed)


def _variables(sources: Iterable[Source | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.name for each in sources if each is not None and each.origin is Origin.ENV))
