"""A client that was found somewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iac.core.registration import Registration


@dataclass(frozen=True, slots=True)
class Found:
    """One client that may become a definition.

    Attributes:
        registration: its client_id is "" where the source names none.
        unkept: members of the source that no definition has and no server of ours keeps.
    """

    registration: Registration
    unkept: tuple[str, ...] = ()

    @property
    def client_id(self) -> str:
        """The identity on the server; "" for a request that has none yet."""
        return self.registration.client_id

    @property
    def name(self) -> str:
        """The client's name; "" when it has none."""
        return str(self.registration.fields.get("client_name", ""))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A client that is not imported, and why, completing "not imported: it is ..."."""

    client_id: str
    reason: str
