"""Everything that can be wrong around a project, looked at one after the other: `iac doctor`.

What is wrong with one thing keeps none of the others from being looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iac.clock import SystemClock
from iac.config.project import load_project
from iac.config.settings import Settings
from iac.core.errors import IacError, UnreachableError
from iac.ports import Clock
from iac.registry import PROVIDERS
from iac.wiring.login import login_client_id
from iac.wiring.sessions import Access, Caller, find_identity, open_local, open_server
from iac.wiring.site import open_backend, open_deliveries
from iac.workflow.doctor import local, remote
from iac.workflow.doctor.check import Check, Verdict, failed

__all__ = ["Check", "Checkup", "Verdict", "run_checkup"]


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found.

    Attributes:
        is_reached: whether the server and the state answered, wherever they were asked.
    """

    checks: tuple[Check, ...]
    is_reached: bool

    @property
    def has_errors(self) -> bool:
        """Whether something keeps iac from its work."""
        return any(check.verdict is Verdict.ERROR for check in self.checks)


class _Round:
    """Goes from check to check."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self.is_reached = True

    @property
    def is_valid(self) -> bool:
        """Whether definitions can be used."""
        return not any(check.id == "project" and check.verdict is Verdict.ERROR for check in self.checks)

    def look(self, name: str, at: Callable[[], Iterator[Check]]) -> None:
        """Take what one check finds; an error is what it finds, too."""
        try:
            self.checks.extend(at())
        except UnreachableError as error:
            self.is_reached = False
            self.checks.append(failed(name, error))
        except IacError as error:
            self.checks.append(failed(name, error))


def run_checkup(caller: Caller) -> Checkup:
    """Look at everything, of the environment that the caller names."""
    rounds = _Round()
    rounds.look("versions", local.versions)
    rounds.look("project", lambda: local.definitions(caller))
    rounds.look("pipelines", lambda: local.pipelines(caller))
    rounds.look("settings", lambda: _with_settings(caller, rounds))
    return Checkup(tuple(rounds.checks), rounds.is_reached)


def _with_settings(caller: Caller, rounds: _Round) -> Iterator[Check]:
    """What needs the settings of one environment."""
    project, clock = load_project(caller.root), SystemClock()
    settings = project.settings(caller.environment)
    rounds.look("pinned", lambda: local.pin(settings))
    rounds.look("files", lambda: local.files(project, settings))
    if rounds.is_valid:
        rounds.look("outputs", lambda: local.outputs(open_local(caller)))
        rounds.look("login-client", lambda: local.own_login(open_local(caller), login_client_id(settings)))
    rounds.look("encryption", lambda: remote.encryption(settings))
    rounds.look("identity", lambda: remote.identity(settings, find_identity(settings)))
    rounds.look("state", lambda: _state(settings, clock))
    rounds.look("server", lambda: _server(caller))
    return iter(())


def _state(settings: Settings, clock: Clock) -> Iterator[Check]:
    yield from remote.state(settings, open_backend(settings, clock), open_deliveries(settings, clock), clock)


def _server(caller: Caller) -> Iterator[Check]:
    with open_server(caller, Access.ALL) as (settings, provider):
        yield from remote.server(provider, PROVIDERS[settings.provider], settings.issuer)
