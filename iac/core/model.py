"""A client as values: the vocabulary of its metadata, and what a server holds of it. Pure.

Names are those of RFC 7591 section 2, of the specifications beside `_OF_OTHERS`, and of IAM's management API (rec:
admin-create-full). Canonical values: text is str, a flag is bool, a lifetime is int (seconds), a set is a sorted tuple
of distinct str, a JWK set is canonical JSON text of its public keys, any other value is canonical JSON text. An absent
field and an empty one are the same: neither is in the mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from iac.core.capabilities import FULL, Capabilities
from iac.core.secret import Secret

Value = str | int | bool | tuple[str, ...]
"""One canonical field value."""

Fields = Mapping[str, Value]
"""Canonical metadata of a client: field name -> value; no entry means absent or empty."""


class Kind(StrEnum):
    """How a field's value looks."""

    TEXT = "text"
    SET = "set"
    FLAG = "flag"
    SECONDS = "seconds"
    JWKS = "jwks"
    JSON = "json"


class Field(Struct, frozen=True):
    """One settable field.

    Attributes:
        always: managed even when the definition does not name it (contract: what is managed).
        undeclared: what an always-managed field means when it is not declared; None means empty.
        admin_only: an API that sets all (`Capabilities.sets_all`) alone can set it.
        stock: what a stock server gives a client whose create leaves it out; None for empty and false.
        of_others: an INDIGO IAM does not have it.
    """

    name: str
    kind: Kind
    always: bool = False
    undeclared: Value | None = None
    admin_only: bool = False
    stock: Value | None = None
    of_others: bool = False


_OF_OTHERS: Mapping[Kind, tuple[str, ...]] = {
    # RFC 7591 section 2; OpenID Connect Registration section 2; Front-Channel Logout section 2; Back-Channel Logout
    # section 2.2; RFC 8705 section 2.1.2
    Kind.TEXT: (
        "logo_uri", "software_id", "software_version",
        "application_type", "initiate_login_uri", "subject_type", "sector_identifier_uri",
        "id_token_signed_response_alg", "id_token_encrypted_response_alg", "id_token_encrypted_response_enc",
        "userinfo_signed_response_alg", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
        "request_object_signing_alg", "request_object_encryption_alg", "request_object_encryption_enc",
        "token_endpoint_auth_signing_alg",
        "frontchannel_logout_uri", "backchannel_logout_uri",
        "tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip",
        "tls_client_auth_san_email",
    ),
    # OpenID Connect Registration section 2, RP-Initiated Logout section 3.1
    Kind.SET: ("request_uris", "post_logout_redirect_uris"),
    # OpenID Connect Registration section 2: in order of preference
    Kind.JSON: ("default_acr_values",),
    # Logout specifications; RFC 8705 section 3.4; RFC 9449 section 5.2; RFC 9126 section 6; RFC 9101 section 10.5
    Kind.FLAG: (
        "frontchannel_logout_session_required", "backchannel_logout_session_required",
        "tls_client_certificate_bound_access_tokens", "dpop_bound_access_tokens",
        "require_pushed_authorization_requests", "require_signed_request_object",
    ),
}  # fmt: skip
"""Fields that an INDIGO IAM does not have."""

_FIELDS = (
    Field("client_name", Kind.TEXT),
    Field("client_description", Kind.TEXT),
    Field("client_uri", Kind.TEXT),
    Field("policy_uri", Kind.TEXT),
    Field("tos_uri", Kind.TEXT),
    Field("contacts", Kind.SET),
    Field("redirect_uris", Kind.SET, always=True),
    Field("grant_types", Kind.SET, always=True, undeclared=("authorization_code",)),
    Field("response_types", Kind.SET, always=True),
    Field("scope", Kind.SET, always=True),
    Field("token_endpoint_auth_method", Kind.TEXT, always=True, undeclared="client_secret_basic"),
    Field("code_challenge_method", Kind.TEXT, always=True),
    Field("jwks_uri", Kind.TEXT, always=True),
    Field("jwk", Kind.JWKS),
    Field("default_max_age", Kind.SECONDS),
    Field("require_auth_time", Kind.FLAG),
    *(Field(name, kind, of_others=True) for kind, names in _OF_OTHERS.items() for name in names),
    Field("access_token_validity_seconds", Kind.SECONDS, admin_only=True, stock=3600),
    Field("refresh_token_validity_seconds", Kind.SECONDS, admin_only=True, stock=2_592_000),
    Field("id_token_validity_seconds", Kind.SECONDS, admin_only=True, stock=600),
    Field("device_code_validity_seconds", Kind.SECONDS, admin_only=True, stock=600),
    Field("reuse_refresh_token", Kind.FLAG, admin_only=True),
    Field("allow_introspection", Kind.FLAG, admin_only=True, stock=True),
    Field("clear_access_tokens_on_refresh", Kind.FLAG, admin_only=True),
    Field("up_scoping_enabled", Kind.FLAG, admin_only=True, stock=True),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _FIELDS}
"""Every settable field by name, in the canonical order of a definition (`iac fmt`, plan, show)."""

_ORDER = {name: number for number, name in enumerate(FIELDS)}

ALWAYS: frozenset[str] = frozenset(field.name for field in _FIELDS if field.always)
"""Fields that are managed whether they are declared or not."""

DEFAULTED = frozenset({"scope", "code_challenge_method"})
"""Those of ALWAYS that a server other than IAM may set as it likes when they are left out (RFC 7591 section 2)."""

ANSWER_ONLY = frozenset(
    {
        "created_at",
        "last_used",
        "active",
        "status_changed_on",
        "status_changed_by",
        "dynamically_registered",
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
        "expiration",
        "entity_id",
    }
)
"""Members of an answer that are never sent (rec: admin-federation-fields, admin-rat)."""

GRANT_TYPES: Mapping[str, str] = {
    "authorization_code": "authorization_code",
    "client_credentials": "client_credentials",
    "implicit": "implicit",
    "password": "password",
    "refresh_token": "refresh_token",
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "token-exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
    "redelegate": "urn:ietf:params:oauth:grant_type:redelegate",
    "jwt-bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
"""Short name in a definition -> name on the wire (RFC 8628, RFC 8693, MitreID's redelegate, RFC 7523)."""

AUTH_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
    "tls_client_auth",
    "self_signed_tls_client_auth",
)
"""Values of token_endpoint_auth_method; the first is the default (RFC 7591 section 2, RFC 8705 section 2)."""

SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
"""Auth methods that need a client secret."""


def as_json(value: Value | None) -> str | int | bool | list[str] | None:
    """JSON form of a canonical value."""
    return list(value) if isinstance(value, tuple) else value


def members(value: Value | None) -> tuple[str, ...]:
    """The members of a set; none for any other value."""
    return value if isinstance(value, tuple) else ()


def meant(name: str, value: Value | None) -> Value | None:
    """A field's value; the default for an empty auth method (RFC 7591 section 2, rec: admin-auth-method-matrix)."""
    return AUTH_METHODS[0] if name == "token_endpoint_auth_method" and not value else value


def short_grant(grant: str) -> str:
    """The short name of a grant type for people; unknown ones as they are."""
    return next((short for short, wire in GRANT_TYPES.items() if wire == grant), grant)


def uses_secret(fields: Fields) -> bool:
    """Whether a client with these fields authenticates with a client secret."""
    return fields.get("token_endpoint_auth_method", AUTH_METHODS[0]) in SECRET_METHODS


def names_of(*kinds: Kind) -> frozenset[str]:
    """Names of the fields of these kinds."""
    return frozenset(name for name, field in FIELDS.items() if field.kind in kinds)


EXTRA = "extra."
"""What a field of a definition's `extra` begins with; the name on the wire follows."""


def field_of(name: str) -> Field:
    """A field by its name, one of `extra` too."""
    return FIELDS[name] if not name.startswith(EXTRA) else Field(name, Kind.JSON, of_others=True)


def in_order(names: Iterable[str]) -> list[str]:
    """Names of fields in the order of a definition, those of `extra` last; all others are left out."""
    known = FIELDS.keys() & (wanted := frozenset(names))
    others = sorted(name for name in wanted - known if name.startswith(EXTRA))
    return [*sorted(known, key=_ORDER.__getitem__), *others]


def canonical_json(value: object) -> str | None:
    """Canonical text of any JSON value; None for an empty one."""
    if value is None or value in ("", [], {}):
        return None
    return json.dumps(_whole(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _whole(value: object) -> object:
    """A value whose whole numbers are int: JSON does not tell 1 from 1.0."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(item) for name, item in value.items()}
        case list() | tuple():
            return [_whole(item) for item in value]
        case _:
            return value


class Facts(Struct, frozen=True):
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


class InvalidMember(Struct, frozen=True):
    """A member of an answer that is not what it should be. Never its value, which may be a secret."""

    member: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.member}: expected {self.expected}, got {self.actual}"


class Registration(Struct, frozen=True):
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


class Actual(Struct, frozen=True):
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


class RegistrationAccess(Struct, frozen=True):
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


class NewToken(Struct, frozen=True):
    """A registration access token that an answer has brought: the one before it is dead.

    Attributes:
        by_read: whether it was the answer to a read.
    """

    client_id: str
    rat: Secret
    by_read: bool


class NewClient(Struct, frozen=True):
    """A client to create: with the management API id and secret are chosen by the caller (rec: admin-chosen-secret).

    With the others the server chooses both: the id is "", the secret None.
    """

    client_id: str
    fields: Fields
    secret: Secret | None
