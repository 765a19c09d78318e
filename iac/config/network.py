"""How servers are reached, as iac.yaml says it: certificates and the proxy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iac.config.path import named_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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

    @property
    def files(self) -> list[Path]:
        """The files that it names."""
        return [file for file in (self.ca, self.certificate, self.key) if file is not None]


def parse_network(root: Path, value: Mapping[str, Any]) -> Network:
    """The network of an iac.yaml, its environment laid over it, that its schema has passed."""
    tls = value.get("tls", {})
    files = {name: named_file(root, tls[name]) for name in ("ca", "certificate", "key") if name in tls}
    return Network(**files, proxy=value.get("proxy"))
