"""What an adapter tells of itself before it is opened: its settings, their rules, and what else it needs.

A module of settings imports core and ports alone, so all of them are read on every run. `open` imports the adapter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, auto
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from iac.core.errors import InputError
from iac.core.text import install_extra
from iac.ports.path import named_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from iac.core.secret import Secret
    from iac.ports.clock import Clock
    from iac.ports.source import Source
    from iac.ports.state import StateBackend

Problem = tuple[str, str, str]
"""Key that cannot be used as it is, why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Network:
    """Certificates and the proxy.

    Attributes:
        ca: PEM file of authorities to trust besides the system's; None for none.
        certificate: PEM file of a client certificate; None for none.
        key: of the certificate; None when it is in the same file.
        proxy: URL, "none", or None for what the environment says.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None

    @classmethod
    def parse(cls, root: Path, value: Mapping[str, Any]) -> Network:
        """The network of an iac.yaml, its environment laid over it, that its schema has passed."""
        tls = value.get("tls", {})
        files = {name: named_file(root, tls[name]) for name in ("ca", "certificate", "key") if name in tls}
        return cls(**files, proxy=value.get("proxy"))

    @property
    def files(self) -> list[Path]:
        """The files that it names."""
        return [file for file in (self.ca, self.certificate, self.key) if file is not None]


@dataclass(frozen=True, slots=True)
class Site:
    """Where an adapter is opened: the environment of a project on this machine.

    Attributes:
        root: the project's folder.
        lineage: of the environment's state; "" before `iac state init`.
        environ: the variables of the process.
        timeout: seconds that a server may be silent.
        deadline: seconds for a whole answer.
    """

    root: Path
    project: str
    environment: str
    issuer: str
    lineage: str
    environ: Mapping[str, str]
    clock: Clock
    network: Network
    timeout: float
    deadline: float

    def read(self, source: Source | None) -> Secret | None:
        """The value of a source; None for no source.

        Raises:
            InputError: it cannot be had.
        """
        return source.read(self.environ, self.root) if source else None


class ClearText(Enum):
    """What secrets in clear text are where a state lives: nobody else's, a server's, or in history for ever."""

    OWN = auto()
    SERVER = auto()
    HISTORY = auto()


class BackendSettings(ABC):
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

    __slots__ = ()
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
    def login(self) -> tuple[Source | None, Source | None]:
        """Where the name and the secret come from that the place is reached with."""
        return None, None

    def open(self, site: Site) -> StateBackend:
        """The backend. Nothing is sent yet.

        Raises:
            InputError: a secret cannot be had, or what the backend needs is not installed.
        """
        try:
            module = import_module(self.opener)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            summary, fix = f"backend {self.name} is not installed", install_extra(self.extra)
            raise InputError(summary, where="state.backend", why=str(error), fix=fix) from error
        backend: StateBackend = module.open_backend(self, site)
        return backend
