"""Where the values of a client come from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iac.core.diagnostics import Location


@dataclass(frozen=True, slots=True)
class Origin:
    """One value, or one item of a list, and what says it.

    Attributes:
        name: of the field; `lifecycle.prevent_destroy` for what is merged by key.
        value: as it is written; None and [] for empty.
        layer: `definition`, `environment NAME`, `defaults of ...`, `not declared`, `server_defaults`.
        location: None for what nobody has written.
    """

    name: str
    value: Any
    layer: str
    location: Location | None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        place = self.location
        return {
            "name": self.name,
            "value": self.value,
            "layer": self.layer,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """One client in one environment, value by value, in the order of a definition."""

    address: str
    client_id: str
    environment: str
    origins: Sequence[Origin]

    def to_dict(self) -> dict[str, Any]:
        """JSON form (docs/reference/commands.md)."""
        return {
            "address": self.address,
            "client_id": self.client_id,
            "environment": self.environment,
            "values": [origin.to_dict() for origin in self.origins],
        }
