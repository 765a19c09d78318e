"""The vocabulary of client metadata: which fields there are and what their values look like. Pure.

Names are those of RFC 7591 section 2 and of IAM's management API (rec: admin-create-full). Canonical values:
text is str, a flag is bool, a lifetime is int (seconds), a set is a sorted tuple of distinct str, a JWK set is
canonical JSON text of its public keys. An absent field and an empty one are the same: neither is in the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Field:
    """One settable field.

    Attributes:
        always: managed even when the definition does not name it (contract: what is managed).
        undeclared: what an always-managed field means when it is not declared; None means empty.
        admin_only: an API that sets all (`Capabilities.sets_all`) alone can set it.
        stock: what a stock server gives a client whose create leaves it out; None for empty and false.
    """

    name: str
    kind: Kind
    always: bool = False
    undeclared: Value | None = None
    admin_only: bool = False
    stock: Value | None = None


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
}
"""Short name in a definition -> name on the wire (RFC 8628, RFC 8693, MitreID's redelegate)."""

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
"""Values of token_endpoint_auth_method; the first is the default (RFC 7591 section 2)."""

SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
"""Auth methods that need a client secret."""

RESPONSE_TYPES = ("code", "token")


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
