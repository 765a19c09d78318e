"""What an adapter tells of itself before it is opened: its settings, their rules, and what else it needs.

A module of settings imports core and ports alone, so all of them are read on every run. `open` imports the adapter.

A forge tells of the pipelines that run on it, a provider of what its API can do.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
from importlib import import_module
from typing import Any, ClassVar, Self, TypeAlias

from msgspec import Struct, StructMeta

from iac.core.capabilities import Capabilities
from iac.core.desired import OutputSpec
from iac.core.errors import Diagnostic, InputError
from iac.core.text import install_extra
from iac.ports.forge import ForgeApi
from iac.ports.sink import Sink
from iac.ports.site import Clock, LoginSite, OutputSite, Site, ValueSource
from iac.ports.state import StateBackend

Say: TypeAlias = "Callable[..., Diagnostic]"
"""`say(id, key, summary, *, why="", fix="")`: a diagnostic at a key of an output."""

SOURCES = ("client_id", "client_secret", "private_key", "token")
"""Keys of `auth` whose value may come from elsewhere."""

Problem = tuple[str, str, str]
"""Key that cannot be used as it is, why, and what to write instead."""


class ClearText(Enum):
    """Who sees secrets in clear text where a state lives: its owner, a server, or everybody who gets the history."""

    OWN = auto()
    SERVER = auto()
    HISTORY = auto()


class _Abstract(StructMeta, ABCMeta):
    """Of values whose class lacks a method, none can be made."""


class BackendSettings(Struct, metaclass=_Abstract, frozen=True):
    """Where a state lives, as `state` of iac.yaml says it. Sources of secrets are named here and read later.

    Attributes:
        name: the value of `state.backend`.
        keys: the keys of `state` that say where.
        needed: keys that have no default, each with an example.
        together: keys of which none is of use without the others.
        alternatives: keys that stand for each other: an environment that names one drops the project's others.
        document_key: the key that tells two states of one project apart.
        clear_text: what secrets in clear text are there.
        opener: the module whose `open_backend(settings, site)` opens it.
        extra: of the package, with what the opener imports; "" for none.
        starter: keys of `state` with which `iac init` can begin; "" where somebody has to say more.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    needed: ClassVar[Mapping[str, str]] = {}
    together: ClassVar[tuple[str, ...]] = ()
    alternatives: ClassVar[tuple[str, ...]] = ()
    document_key: ClassVar[str] = "path"
    clear_text: ClassVar[ClearText] = ClearText.SERVER
    opener: ClassVar[str]
    extra: ClassVar[str] = ""
    starter: ClassVar[str] = ""

    @classmethod
    @abstractmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> Self:
        """The place that the keys name; a needed key that is missing becomes ""."""

    @classmethod
    @abstractmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """Values that cannot be used. None of them is repeated: a password may be in it."""

    @classmethod
    def usual(cls, project: str, environment: str) -> str:
        """The usual value of the document's key in one of several environments."""
        return f"{project}/{environment}.json"

    @property
    @abstractmethod
    def where(self) -> str:
        """The place in messages."""

    @property
    def identity(self) -> str:
        """One text for all settings of one place."""
        return self.where

    @property
    def file(self) -> str:
        """The document, where it is a file of this machine that no other reaches; else ""."""
        return ""

    @property
    def login(self) -> tuple[ValueSource | None, ValueSource | None]:
        """The sources of the name and the secret that the place needs."""
        return None, None

    def open(self, site: Site) -> StateBackend:
        """The backend. Nothing is sent yet.

        Raises:
            InputError: a secret cannot be had, or what the backend needs is not installed.
        """
        backend: StateBackend = _open("backend", self, self.name, "state.backend").open_backend(self, site)
        return backend


class SinkSettings(Struct, metaclass=_Abstract, frozen=True):
    """Where outputs go, as an entry of `sinks` of iac.yaml says it.

    Attributes:
        kind: the value of `kind`.
        opener: the module whose `open_sink(settings, output_site)` opens it.
        extra: of the package, with what the sink imports; "" for none.
        is_file: an output is a file of the project, so that its path must be one.
        is_sealed: an output is sealed to recipients, so that somebody must be one.
    """

    kind: ClassVar[str]
    opener: ClassVar[str]
    extra: ClassVar[str] = ""
    is_file: ClassVar[bool] = True
    is_sealed: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def parse(cls, keys: Mapping[str, Any]) -> Self:
        """The settings in an entry that its schema has passed."""

    @property
    @abstractmethod
    def form(self) -> str:
        """Hash over what decides the bytes that are written, but for recipients."""

    @property
    def sealed_to(self) -> tuple[str, ...]:
        """Public keys that outputs are sealed to, sorted; empty to use those of the state and the definitions."""
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Files that the sink reads, as they are named: no output is written over them."""
        return ()

    def place(self, spec: OutputSpec) -> str:
        """The place that no other output may have."""
        return spec.path

    def check(self, spec: OutputSpec, keys: frozenset[str], say: Say) -> Iterator[Diagnostic]:
        """Mistakes in an output, besides the path of a file; `keys` are those that are written."""
        return iter(())

    def open(self, at: OutputSite) -> Sink:
        """The sink. Nothing is read or sent before its first call."""
        sink: Sink = _open("sink", self, self.kind, f"sinks.{at.name}").open_sink(self, at)
        return sink


class LoginSettings(Struct, metaclass=_Abstract, frozen=True):
    """How iac logs in, as `auth` of iac.yaml says it. Sources of secrets are named here and read later.

    Attributes:
        method: the value of `auth.method`.
        opener: the module whose `open_login(settings, login_site)` opens it.
        extra: of the package, with what the login imports; "" for none.
        is_client: a client logs in as itself, and no user does.
        asks_a_person: no pipeline can log in like this.
        is_nobody: nobody logs in, so that the provider has to have a use for it.
    """

    method: ClassVar[str]
    opener: ClassVar[str]
    extra: ClassVar[str] = ""
    is_client: ClassVar[bool] = False
    asks_a_person: ClassVar[bool] = False
    is_nobody: ClassVar[bool] = False

    @classmethod
    def parse(cls, keys: Mapping[str, Any]) -> Self:
        """The login in an `auth` that its schema has passed: each key is a field of its name."""
        named = {key: part for key, part in keys.items() if key != "method"}
        return cls(
            **{key: ValueSource.parse(f"auth.{key}", part) if key in SOURCES else part for key, part in named.items()}
        )

    @property
    def client(self) -> ValueSource | None:
        """The source of the id of the login's client; None for no client of ours."""
        return getattr(self, "client_id", None)

    @property
    def secrets(self) -> tuple[ValueSource, ...]:
        """The sources of the login's secrets."""
        sources = (getattr(self, key, None) for key in SOURCES if key != "client_id")
        return tuple(source for source in sources if source)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the settings ask for; none where they do not say."""
        scope: str | Sequence[str] = getattr(self, "scope", ())
        return tuple(scope.split() if isinstance(scope, str) else scope)

    def open(self, at: LoginSite) -> Any:
        """The `iac.providers.logins.Login`. Nothing is sent yet.

        Raises:
            InputError: a secret cannot be had, or what the login needs is not installed.
        """
        return _open("login", self, self.method, "auth.method").open_login(self, at)


def _open(port: str, settings: BackendSettings | SinkSettings | LoginSettings, name: str, where: str) -> Any:
    """The module that opens an adapter."""
    try:
        return import_module(settings.opener)
    except ModuleNotFoundError as error:
        if not settings.extra:
            raise
        raise InputError(
            f"{port} {name} is not installed", where=where, why=str(error), fix=install_extra(settings.extra)
        ) from error


class RootFile(Struct, frozen=True):
    """A file of the user that has to include ours.

    Attributes:
        text: of one that is made where there is none.
        include: what is in one that includes ours.
        advice: what to do with one that does not.
    """

    path: str
    text: str
    include: str
    advice: str


class Forge(Struct, frozen=True, kw_only=True):
    """Where pipelines run. Its templates are files of the module's folder.

    Attributes:
        name: as `iac init --ci` has it.
        files: path from the repository's root -> the template of the file.
        requirements: path of the file with what the jobs install.
        written: patterns of the files that iac writes or has written, from the repository's root.
        root: the file of the user that has to include ours; None where the forge finds ours by itself.
        each: the part of a name that is the environment's, in a job for each of several environments.
        variable: the line that gives the secret variable NAME to a step.
        opener: the module whose `open_forge(environ, clock)` opens its API, for a job that runs there.
        sign: the variable that such a job has.
        approval: how somebody approves a plan by its digest.
        polls: one job looks for all open requests, and reports on each; else a job is there for one request, and
            another job, without a login, reports.
    """

    name: str
    files: Mapping[str, str]
    requirements: str
    written: tuple[str, ...]
    root: RootFile | None = None
    each: str
    variable: str
    opener: str
    sign: str
    approval: str
    polls: bool = False

    def open(self, environ: Mapping[str, str], clock: Clock) -> ForgeApi:
        """Its API, for the job that runs now. Nothing is sent yet."""
        api: ForgeApi = import_module(self.opener).open_forge(environ, clock)
        return api


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """One provider.

    Attributes:
        api: what its API can do.
        opener: module and class of the provider, which are loaded when it is opened.
        login: what `iac init` writes into iac.yaml to log in.
        nobody: methods of `auth` by which nobody in particular logs in, and that its API takes.
        client_is_nobody: a client's own token counts as nobody's.
        scopes_of_login: the API's rights are scopes of the login's token, which doctor looks at.
    """

    api: Capabilities
    opener: str
    login: str
    nobody: frozenset[str] = frozenset()
    client_is_nobody: bool = False
    scopes_of_login: bool = False
