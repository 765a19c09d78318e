"""What the jobs of a project need beside `iac` itself: variables that its settings name, and extras of the package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.ports.site import SourceKind, ValueSource

if TYPE_CHECKING:
    from iac.config.settings import Settings


def login_variables(settings: Settings) -> tuple[str, ...]:
    """Environment variables that `auth` names.

    Raises:
        InputError: its method asks a person, who is not there.
    """
    auth = settings.auth
    if auth is None:
        return ()
    if auth.asks_a_person:
        raise InputError(
            "no pipeline can log in as a person does",
            where=f"auth.method: {auth.method}",
            why="it runs with nobody there",
            fix="auth: {method: private_key_jwt, ...} or client_credentials; docs/how-to/log-in.md",
        )
    return _variables([auth.client, *auth.secrets])


def state_variables(settings: Settings) -> tuple[str, ...]:
    """Environment variables that say the login at the server of the state."""
    return _variables(settings.state.place.login)


def extras(settings: Settings) -> tuple[str, ...]:
    """Extras that the login, the place of the state and the sinks need."""
    adapters = (settings.auth, settings.state.place, *settings.sinks.values())
    return tuple(sorted({adapter.extra for adapter in adapters if adapter and adapter.extra}))


def _variables(sources: Iterable[ValueSource | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.name for each in sources if each is not None and each.origin is SourceKind.ENV))
