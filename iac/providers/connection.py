"""Where a server is, as its provider is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from iac.transport.http import Transport


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is.

    Attributes:
        issuer: as in iac.yaml.
        pinned: the value of IAC_ISSUER; "" pins nothing.
    """

    issuer: str
    pinned: str = ""
    transport: Transport = field(default_factory=Transport)
