"""Where an adapter is opened: the environment of a project on this machine, and what it is opened for.

Values of settings come from an environment variable, a file, or iac.yaml itself. They are read when they are needed.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from iac.core.capabilities import Capabilities
from iac.core.errors import InputError
from iac.core.limits import LARGEST_SECRET
from iac.core.secret import Secret, Unshown
from iac.files import read
from iac.ports.path import named_file


class SourceKind(StrEnum):
    """The kinds of places there are."""

    ENV = "env"
    FILE = "file"
    LITERAL = "literal"


class ValueSource(Struct, frozen=True):
    """The place of a value.

    Attributes:
        setting: the key of iac.yaml that names it, for messages.
        name: variable, path (relative to the project, `~` is the home folder), or the value itself.
    """

    setting: str
    origin: SourceKind
    name: str

    @classmethod
    def parse(cls, setting: str, value: Any) -> ValueSource:
        """The source in a setting that its schema has passed."""
        if isinstance(value, str):
            return cls(setting, SourceKind.LITERAL, value)
        ((origin, name),) = value.items()
        return cls(setting, SourceKind(origin), name)

    @classmethod
    def find(cls, setting: str, keys: Mapping[str, Any], key: str) -> ValueSource | None:
        """The source in a key of a setting; None where the key is not there."""
        return cls.parse(f"{setting}.{key}", keys[key]) if key in keys else None

    @property
    def literal(self) -> str:
        """The value when it stands in iac.yaml, else ""."""
        return self.name if self.origin is SourceKind.LITERAL else ""

    @property
    def is_file(self) -> bool:
        """Whether the value is in a file."""
        return self.origin is SourceKind.FILE

    def describe(self) -> str:
        """The place in words, never the value."""
        places = {SourceKind.ENV: f"environment variable {self.name}", SourceKind.FILE: f"file {self.name}"}
        return places.get(self.origin, f"{self.setting} in iac.yaml")

    def path(self, root: Path) -> Path:
        """The file of a file source."""
        return named_file(root, self.name)

    def read(self, environ: Mapping[str, str], root: Path) -> Secret:
        """The value, white space around it dropped.

        Raises:
            InputError: the variable is not set, the file cannot be read, or the value is empty.
        """
        text = self._text(environ, root).strip()
        if not text:
            raise InputError(f"{self.setting} is empty", where=self.describe(), fix=self._fix())
        return Secret(text)

    def is_open_to_others(self, root: Path) -> bool:
        """Whether it is a file that others than its owner may read or write."""
        if not self.is_file:
            return False
        try:
            mode = self.path(root).stat().st_mode
        except OSError:
            return False
        return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))

    def _text(self, environ: Mapping[str, str], root: Path) -> str:
        if self.origin is SourceKind.LITERAL:
            return self.name
        if self.is_file:
            return self._file_text(root)
        if self.name not in environ:
            raise InputError(f"{self.setting} is not set", where=self.describe(), fix=self._fix())
        return environ[self.name]

    def _file_text(self, root: Path) -> str:
        path = self.path(root)
        try:
            return read(path, LARGEST_SECRET).decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{self.setting} is not text", where=str(path), fix=self._fix()) from error
        except OSError as error:
            raise InputError(
                f"{self.setting} cannot be read", where=str(path), why=str(error.strerror or error), fix=self._fix()
            ) from error

    def _fix(self) -> str:
        fixes = {
            SourceKind.ENV: f"export {self.name}=...",
            SourceKind.FILE: f"write the value to {self.name}, chmod 600",
        }
        return fixes.get(self.origin, f"set {self.setting} in iac.yaml")


class Clock(ABC):
    """Time and chance, so that tests decide them."""

    @abstractmethod
    def now(self) -> datetime:
        """The time, aware, UTC."""

    @abstractmethod
    def token(self) -> str:
        """32 random bytes, URL-safe base64 without padding (43 characters)."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait."""


class Network(Struct, frozen=True):
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


class Site(Unshown, frozen=True):
    """The environment of a project on this machine, for which an adapter is opened.

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

    def read(self, source: ValueSource | None) -> Secret | None:
        """The value of a source; None for no source.

        Raises:
            InputError: it cannot be had.
        """
        return source.read(self.environ, self.root) if source else None


class OutputSite(Struct, frozen=True):
    """The surroundings of a sink when it is opened.

    Attributes:
        name: the sink's in iac.yaml.
        recipients: path of an output -> the public keys to which it is sealed.
        identity: what opens encrypted files; None where there is none.
    """

    site: Site
    name: str
    recipients: Callable[[str], Sequence[str]]
    identity: Callable[[], Secret | None]


class LoginSite(Struct, frozen=True):
    """The surroundings of a login when it is opened.

    Attributes:
        scopes: to ask for; empty for all that can be had.
        ask: tells somebody what to do; None when nobody is there.
        warn: says something that went wrong and stops nothing.
        api: what the server can do.
    """

    site: Site
    scopes: tuple[str, ...]
    ask: Callable[[str], None] | None
    warn: Callable[[str], None]
    api: Capabilities

    def read(self, source: ValueSource) -> Secret:
        """The value of a source.

        Raises:
            InputError: it cannot be had.
        """
        return source.read(self.site.environ, self.site.root)
