"""From settings to adapters: sessions, logins, state, sinks.

Only adapters in use are imported, where they are opened, and read their secrets then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from iac.backends.age import AgeVault, ClearVault, RekeyVault
from iac.backends.local import FileDeliveries
from iac.clock import SystemClock
from iac.config.definitions import load_environment
from iac.config.login import with_own_login
from iac.config.project import Project, load_project, with_base
from iac.config.settings import Settings
from iac.config.tree import read_tree
from iac.core.desired import DEFAULT, Desired
from iac.core.errors import IacError, InputError
from iac.core.secret import Secret
from iac.ports import Clock, Deliveries, StateBackend, Vault
from iac.ports.progress import Progress
from iac.ports.site import LoginSite, OutputSite, Site, SourceKind, ValueSource
from iac.providers.logins import READ_SCOPES, WRITE_SCOPES, Login
from iac.registry import PROVIDERS
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.sealing import stored_identity
from iac.session import LocalSession, Session, StateSession

if TYPE_CHECKING:
    from iac.providers.base import Connected, Connection


def site_of(settings: Settings, clock: Clock) -> Site:
    """Where the adapters of an environment are opened."""
    return Site(
        root=settings.root,
        project=settings.project,
        environment=settings.environment,
        issuer=settings.issuer,
        lineage=settings.state.lineage,
        environ=os.environ,
        clock=clock,
        network=settings.network,
        timeout=settings.timeout,
        deadline=settings.deadline,
    )


def open_backend(settings: Settings, clock: Clock) -> StateBackend:
    """The backend of an environment's state; it refuses a state of another project, environment, issuer or lineage.

    Raises:
        InputError: a secret that leads to the place cannot be had, or what the backend needs is not installed.
    """
    return settings.state.place.open(site_of(settings, clock))


def open_deliveries(settings: Settings, clock: Clock) -> Deliveries:
    """What this machine has written of the outputs of an environment."""
    return FileDeliveries(settings.root / ".iac" / f"{settings.state.lineage or 'none'}.outputs", clock)


def _recipients(desired: Desired, sink: str) -> Callable[[str], Sequence[str]]:
    sealed = {spec.path: spec.recipients for spec in desired.outputs if spec.sink == sink}
    return lambda path: sealed.get(path, ())


class Access(Enum):
    """The scopes that a login asks for: to read, to write too, or all that the client has."""

    READ = READ_SCOPES
    WRITE = WRITE_SCOPES
    ALL = ()


class Caller(Protocol):
    """Who opens a session: which project and environment, and who can be asked to log in."""

    def can_ask(self) -> bool:
        """Whether a person reads the messages."""

    def say(self, text: str) -> None:
        """Say something that has to be read."""

    @property
    def root(self) -> Path:
        """The project's folder."""

    @property
    def environment(self) -> str | None:
        """The environment's name; None for the only one there is."""

    @property
    def base(self) -> Path | None:
        """The iac.yaml that settings are taken from; None for the project's own."""

    @property
    def progress(self) -> Progress:
        """What hears how far the run is."""


@contextmanager
def open_session(
    caller: Caller,
    access: Access,
    *,
    parallelism: int | None = None,
    reads_ahead: bool = False,
    may_be_empty: bool = False,
) -> Iterator[Session]:
    """Everything that one run of a command needs; connections are closed at the end.

    Args:
        caller: which project and environment.
        access: which scopes the login asks for.
        parallelism: requests in flight, instead of iac.yaml's.
        reads_ahead: the server is read while definitions are; for a command that takes no lock before it reads.
        may_be_empty: whether a project without definitions is right.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
    """
    with ExitStack() as stack:
        ahead = _open_ahead(caller, access, stack) if reads_ahead else None
        settings, local = open_project(caller, may_be_empty=may_be_empty)
        count = parallelism or settings.parallelism
        provider = ahead or _open(settings, access, caller, stack, count)
        yield Session(
            desired=replace(local.desired, login_client_id=login_client_id(settings)),
            warnings=local.warnings,
            backend=local.backend,
            vault=local.vault,
            sinks=local.sinks,
            templates=local.templates,
            deliveries=local.deliveries,
            renderer=local.renderer,
            clock=local.clock,
            provider=provider,
            parallelism=count,
            progress=caller.progress,
        )


def _open(settings: Settings, access: Access, caller: Caller, stack: ExitStack, count: int) -> Connected:
    login = open_login(settings, access.value, caller)
    return stack.enter_context(closing(open_provider(settings, login, caller.progress, parallelism=count)))


def _open_ahead(caller: Caller, access: Access, stack: ExitStack) -> Connected | None:
    """The server, with reads of it on their way; None where somebody may have to be asked, or it cannot be opened.

    Why it cannot is told after the definitions, in which a mistake may be the reason.
    """
    settings = settings_of(caller)
    if settings.auth is None or not settings.auth.is_client:
        return None
    with suppress(IacError):
        provider = _open(settings, access, caller, stack, settings.parallelism)
        provider.read_ahead(len(read_tree(caller.root).definitions))
        return provider
    return None


@contextmanager
def open_server(caller: Caller, access: Access) -> Iterator[tuple[Settings, Connected]]:
    """The server alone, and the settings that lead to it: neither definitions nor state are needed.

    Raises:
        InvalidInput: iac.yaml is invalid.
    """
    settings = settings_of(caller)
    with ExitStack() as stack:
        yield settings, _open(settings, access, caller, stack, settings.parallelism)


def open_state(caller: Caller) -> StateSession:
    """What repairing state needs: no definitions, no login, no server.

    Raises:
        InvalidInput: iac.yaml is invalid.
    """
    settings = load_project(caller.root).settings(caller.environment)
    clock = SystemClock()
    return StateSession(backend=open_backend(settings, clock), vault=open_vault(settings), clock=clock)


def open_local(caller: Caller) -> LocalSession:
    """What rendering needs: no login, no server.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
    """
    return open_project(caller)[1]


def open_rekey(caller: Caller) -> LocalSession:
    """What sealing secrets again needs: definitions, which name recipients, and a vault that opens clear ones too.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
    """
    settings, local = open_project(caller)
    sealed = AgeVault(settings.state.recipients, partial(find_identity, settings))
    return replace(local, vault=RekeyVault(local.vault, sealed))


def open_project(caller: Caller, *, may_be_empty: bool = False) -> tuple[Settings, LocalSession]:
    """The settings of an environment, and what rendering needs of it: no login, no server.

    Raises:
        InvalidInput: iac.yaml or definitions are invalid.
    """
    project = _project(caller)
    name = project.settings(caller.environment).environment
    desired, settings, warnings = load_environment(project, name, may_be_empty=may_be_empty)
    settings = with_own_login(settings, os.environ)
    clock, renderer = SystemClock(), Renderer()
    site, identity = site_of(settings, clock), partial(find_identity, settings)
    return settings, LocalSession(
        desired=desired,
        warnings=tuple(warnings),
        backend=open_backend(settings, clock),
        vault=open_vault(settings),
        sinks={
            name: sink.open(OutputSite(site, name, _recipients(desired, name), identity))
            for name, sink in settings.sinks.items()
        },
        templates=load_templates(caller.root, [spec.template for spec in desired.outputs], renderer.references),
        renderer=renderer,
        deliveries=open_deliveries(settings, clock),
        clock=clock,
        progress=caller.progress,
    )


def settings_of(caller: Caller) -> Settings:
    """The settings of the environment that the caller names, with the login of the person who calls."""
    return with_own_login(_project(caller).settings(caller.environment), os.environ)


def _project(caller: Caller) -> Project:
    project = load_project(caller.root)
    return project if caller.base is None else with_base(project, caller.base)


def open_vault(settings: Settings) -> Vault:
    """What seals and opens the secrets in state; the identity is read when the first one is opened."""
    if settings.state.is_clear:
        return ClearVault()
    return AgeVault(settings.state.recipients, partial(find_identity, settings))


def find_identity(settings: Settings) -> Secret | None:
    """What iac.yaml names, else IAC_AGE_IDENTITY; where the variable is not set, the key file that `iac init` made."""
    source = settings.state.identity or ValueSource("state.encryption.identity", SourceKind.ENV, "IAC_AGE_IDENTITY")
    if source.origin is SourceKind.ENV and source.name not in os.environ:
        return stored_identity(settings.project, os.environ)
    return source.read(os.environ, settings.root)


def open_provider(settings: Settings, login: Login, progress: Progress, *, parallelism: int) -> Connected:
    """The server's API; nothing is sent before its first call."""
    connection = open_connection(settings, progress, parallelism=parallelism)
    module, _, name = PROVIDERS[settings.provider].opener.partition(":")
    provider: Connected = getattr(import_module(module), name)(connection, login, SystemClock())
    return provider


def open_login(settings: Settings, scopes: tuple[str, ...], caller: Caller) -> Login:
    """The way that iac.yaml names. Nothing is sent yet.

    Args:
        settings: of the environment.
        scopes: to ask for; empty for all that can be had.
        caller: who can be asked.

    Raises:
        InputError: a secret cannot be had, or what the way needs is not installed.
    """
    if settings.auth is None:
        raise InputError("iac.yaml has no auth: how iac logs in", fix="auth: {method: ...}")
    ask = caller.say if caller.can_ask() else None
    # an IAM's scopes mean nothing elsewhere, where a login has what its client was given
    scopes = settings.auth.scopes or (scopes if settings.api.is_iam else ())
    at = LoginSite(site_of(settings, SystemClock()), scopes, ask, caller.say, settings.api)
    login: Login = settings.auth.open(at)
    return login


def login_client_id(settings: Settings) -> str:
    """The client that iac logs in with, which it never touches; "" when the way says nothing of it."""
    source = settings.auth.client if settings.auth else None
    return source.read(os.environ, settings.root).reveal() if source else ""


def pinned_issuer(environ: Mapping[str, str], environment: str = DEFAULT) -> str:
    """IAC_ISSUER, which is one issuer or several as ENV=URL; "" when it is not set.

    Raises:
        InputError: it is empty, or has none for the environment. Whoever sets it means to pin credentials to servers,
            and nothing would pin these.
    """
    pinned = environ.get("IAC_ISSUER")
    if pinned is None:
        return ""
    named = dict(_NAMED.findall(pinned))
    issuer = named.get(environment, "") if named else pinned
    if not issuer:
        raise InputError(
            f"IAC_ISSUER names no issuer for environment {environment}" if named else "IAC_ISSUER is set, but empty",
            why="it binds the project to one server; if empty, it would allow any server",
            fix=f"add {environment}=URL to it, or unset it"
            if named
            else "set it to the issuer, of several environments to dev=URL prod=URL, or unset it",
        )
    return issuer


_NAMED = re.compile(r"(?:^|(?<=\s))([\w-]+)=(\S*)")
"""An entry of IAC_ISSUER for an environment; no issuer begins like one."""


def open_connection(settings: Settings, progress: Progress, *, parallelism: int) -> Connection:
    """The issuer and the way to it; a client certificate is shown to it alone."""
    from iac.providers.base import Connection  # with httpx: 0.1 s, only where a server is asked
    from iac.transport.http import Transport

    network = settings.network
    transport = Transport(
        parallelism=parallelism,
        timeout=settings.timeout,
        deadline=settings.deadline,
        ca_bundle=network.ca,
        certificate=network.certificate,
        key=network.key,
        proxy=network.proxy,
        tell=progress.wait,
    )
    pinned = pinned_issuer(os.environ, settings.environment)
    return Connection(settings.issuer, pinned, transport, settings.registration_endpoint, progress, settings.pin)
