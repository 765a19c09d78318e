"""What the server holds: one registered client as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from iac.core.capabilities import FULL, Capabilities
from iac.core.model import Fields
from iac.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Facts:
    """Which server this is, decided by what it answers (rec: admin-secret-visibility, admin-up-scoping).

    Attributes:
        shows_secrets: GET and list carry client_secret (up to 1.13).
        has_up_scoping: answers carry up_scoping_enabled (1.14); the same servers hide jwk.
        api: what the API that is used can do.
        is_anonymous: the login counts as nobody there (rec: self-service-user, last exchange).
    """

    shows_secrets: bool
    has_up_scoping: bool
    api: Capabilities = FULL
    is_anonymous: bool = False

    @property
    def flavour(self) -> str:
        """1.12 (secrets readable), 1.14 (shown once), unknown before a client was seen; else the provider's name."""
        if not self.api.is_iam:
            return self.api.provider
        if not (self.api.reads_all or self.shows_secrets or self.has_up_scoping):
            return "unknown"
        return "1.12" if self.shows_secrets else "1.14"


@dataclass(frozen=True, slots=True)
class InvalidMember:
    """A member of an answer that is not what it should be. Never its value, which may be a secret."""

    member: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.member}: expected {self.expected}, got {self.actual}"


@dataclass(frozen=True, slots=True)
class Registration:
    """One answer of the server, parsed.

    Attributes:
        fields: canonical settable fields that the answer carries and that are not empty.
        secret: the client secret, None when the answer shows none.
        owners: account UUIDs, None when they were not read.
        answer: the answer as it came, without secret and registration access token; the base of a PUT.
        rat: the registration access token, where the answer brings one (RFC 7592 section 3).
        registration_uri: the registration_client_uri of the answer; "" for none.
        is_remembered: it was not read, but is what was last applied.
        additions: by field, items that the server adds by itself; they are not in `fields`.
        invalid_members: members that could not be understood; they are in no other attribute.
    """

    client_id: str
    fields: Fields
    secret: Secret | None = None
    owners: tuple[str, ...] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)
    rat: Secret | None = None
    registration_uri: str = ""
    is_remembered: bool = False
    additions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    invalid_members: tuple[InvalidMember, ...] = ()

    @property
    def is_disabled(self) -> bool:
        """Whether somebody disabled the client on the server."""
        return self.answer.get("active") is False

    @property
    def invalid_words(self) -> str:
        """What could not be understood, for messages; "" for nothing."""
        return "; ".join(map(str, self.invalid_members))


class UnreadReason(StrEnum):
    """Why a client could not be read although nothing says that it is gone."""

    NO_KEY = "no-key"
    """Its registration access token is in state, and the key that opens it is not at hand."""
    NO_ADDRESS = "no-address"
    """The server gave no registration_client_uri or no token for it: it has no RFC 7592."""
    NOT_UNDERSTOOD = "not-understood"
    """A member of what the server answered is not of its kind."""
    NOT_STORED = "not-stored"
    """A read may bring a new registration access token, and this run cannot store one."""
    REFUSED = "refused"
    """The server refuses its registration access token: it has ended, or the client is gone."""


@dataclass(frozen=True, slots=True)
class Actual:
    """What one read of the server gave: the clients asked for that exist, by client_id, and the count of all.

    Attributes:
        unread: by client_id, clients of which nothing can be said.
        found: by address, client_ids that an interrupted create may have left behind.
        partial: by client_id, clients that are registered and could be understood in part.
    """

    facts: Facts
    registrations: Mapping[str, Registration]
    total: int
    unread: Mapping[str, UnreadReason] = field(default_factory=dict)
    found: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partial: Mapping[str, Registration] = field(default_factory=dict)

    @classmethod
    def of(
        cls, facts: Facts, read: Iterable[Registration], total: int, unread: Mapping[str, UnreadReason] | None = None
    ) -> Actual:
        """What was read, those that could not be understood apart from the others."""
        clients = {registration.client_id: registration for registration in read}
        partial = {client_id: client for client_id, client in clients.items() if client.invalid_members}
        whole = {client_id: client for client_id, client in clients.items() if not client.invalid_members}
        missing = {**(unread or {}), **dict.fromkeys(partial, UnreadReason.NOT_UNDERSTOOD)}
        return cls(facts, whole, total, missing, partial=partial)


@dataclass(frozen=True, slots=True)
class RegistrationAccess:
    """What reaches one client beside, or instead of, the login (RFC 7592 section 2).

    Attributes:
        rat: the registration access token; None where there is none, or it cannot be opened.
        uri: its registration_client_uri; "" where the server gave none.
        unread: why nothing is read by it, although there is one.
    """

    client_id: str
    rat: Secret | None = None
    uri: str = ""
    unread: UnreadReason | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A registration access token that an answer has brought: the one before it is dead.

    Attributes:
        by_read: whether it was the answer to a read.
    """

    client_id: str
    rat: Secret
    by_read: bool


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to create: with the management API id and secret are chosen by the caller (rec: admin-chosen-secret).

    With the others the server chooses both: the id is "", the secret None.
    """

    client_id: str
    fields: Fields
    secret: Secret | None
