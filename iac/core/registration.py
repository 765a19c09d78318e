"""What the server holds: one registered client as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.core.model import Fields
    from iac.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Facts:
    """Which server this is, decided by what it answers (rec: admin-secret-visibility, admin-up-scoping).

    Attributes:
        shows_secrets: GET and list carry client_secret (up to 1.13).
        has_up_scoping: answers carry up_scoping_enabled (1.14); the same servers hide jwk.
    """

    shows_secrets: bool
    has_up_scoping: bool

    @property
    def flavour(self) -> str:
        """The flavour: 1.12 (secrets readable) or 1.14 (secrets shown once)."""
        return "1.12" if self.shows_secrets else "1.14"


@dataclass(frozen=True, slots=True)
class Registration:
    """One answer of the server, parsed.

    Attributes:
        fields: canonical settable fields that the answer carries and that are not empty.
        secret: the client secret, None when the answer shows none.
        owners: account UUIDs, None when they were not read.
        answer: the answer as it came, without secret and registration access token; the base of a PUT.
    """

    client_id: str
    fields: Fields
    secret: Secret | None = None
    owners: tuple[str, ...] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Actual:
    """What one read of the server gave: the clients asked for that exist, by client_id, and the count of all."""

    facts: Facts
    registrations: Mapping[str, Registration]
    total: int


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to create: id, secret and fields are chosen by the caller (rec: admin-chosen-secret)."""

    client_id: str
    fields: Fields
    secret: Secret | None
