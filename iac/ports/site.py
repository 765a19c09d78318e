"""Where an adapter is opened: the environment of a project on this machine, and what it is opened for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iac.core.capabilities import Capabilities
from iac.ports.clock import Clock
from iac.ports.path import named_file

if TYPE_CHECKING:
    from iac.core.secret import Secret
    from iac.ports.source import Source


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


@dataclass(frozen=True, slots=True)
class OutputSite:
    """Where a sink is opened.

    Attributes:
        name: the sink's in iac.yaml.
        recipients: path of an output -> the public keys to which it is sealed.
        identity: what opens encrypted files; None where there is none.
    """

    site: Site
    name: str
    recipients: Callable[[str], Sequence[str]]
    identity: Callable[[], Secret | None]


@dataclass(frozen=True, slots=True)
class LoginSite:
    """Where a login is opened.

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

    def read(self, source: Source) -> Secret:
        """The value of a source.

        Raises:
            InputError: it cannot be had.
        """
        return source.read(self.site.environ, self.site.root)
