"""From a document to a stored client: what the four calls make of the fields that they are sent."""

from typing import Any

from iac.sandbox import jose, rules
from iac.sandbox.document import SECRET_METHODS, Document, read
from iac.sandbox.message import RefusalError, ServerCrashError, error
from iac.sandbox.model import Client
from iac.sandbox.world import Call, World

_TEXTS = ("client_name", "client_description", "client_uri", "policy_uri", "code_challenge_method")
_LIFETIMES = {
    "access_token_validity_seconds": 3600,
    "refresh_token_validity_seconds": 2_592_000,
    "id_token_validity_seconds": 600,
    "device_code_validity_seconds": 600,
}
_FLAGS = ("reuse_refresh_token", "allow_introspection", "clear_access_tokens_on_refresh", "require_auth_time")


def checked(call: Call, operation: rules.Operation) -> Document:
    """The request's document, past all validation.

    Raises:
        RefusalError: 415 or 400, with every fault at once.
        ServerCrashError: where IAM itself falls over the document.
    """
    document = read(call.request, call.world.facts)
    client_id = document.get("client_id")
    id_taken = client_id is not None and call.world.store.find(client_id) is not None
    faults = rules.violations(document, operation, call.world.facts, id_taken=id_taken)
    if faults:
        raise RefusalError(error(400, ", ".join(faults)))
    return document


def common_fields(world: World, document: Document) -> dict[str, Any]:
    """The fields that both APIs take from a document; what it leaves out becomes empty.

    `offline_access` brings the grant refresh_token (rec: admin-offline-access), jwks_uri wins over jwk
    (rec: admin-jwk-and-jwks-uri), tos_uri and default_max_age are dropped (rec: admin-create-full).

    Raises:
        ServerCrashError: for scope null (rec: admin-scope-null), a jwk that the column cannot hold, and an
            entity_id without expiration (rec: admin-jwk, admin-federation-fields).
    """
    scope = document.get("scope", ())
    if scope is None or (document.get("entity_id") and not document.get("expiration")):
        raise ServerCrashError
    fields: dict[str, Any] = {name: document.get(name) for name in _TEXTS}
    fields |= {name: document.get(name) or () for name in ("redirect_uris", "contacts", "response_types")}
    fields |= {name: document.get(name) for name in ("entity_id", "expiration")}
    fields["scope"] = scope
    fields["grant_types"] = _grant_types(document, scope)
    fields["jwks_uri"] = document.get("jwks_uri") or None
    fields["jwk"] = None if fields["jwks_uri"] else _jwk(world, document)
    fields["token_endpoint_auth_method"] = document.get("token_endpoint_auth_method") or "client_secret_basic"
    fields["up_scoping_enabled"] = document.get("up_scoping_enabled", True)
    return fields


def managed_fields(document: Document) -> dict[str, Any]:
    """The fields that only the management API takes: flags are false and lifetimes default when left out.

    A lifetime of 0 is the default too, but for refresh tokens it is 0 (rec: admin-lifetimes).
    """
    fields: dict[str, Any] = {name: document.get(name, False) for name in _FLAGS}
    for name, default in _LIFETIMES.items():
        seconds = document.get(name)
        smallest = 0 if name == "refresh_token_validity_seconds" else 1
        fields[name] = default if seconds is None or seconds < smallest else seconds
    return fields


def _grant_types(document: Document, scope: tuple[str, ...]) -> tuple[str, ...]:
    sent = document.get("grant_types")
    grants = {"authorization_code"} if sent is None else set(sent)
    if "offline_access" in scope:
        grants.add("refresh_token")
    return tuple(sorted(grants))


def _jwk(world: World, document: Document) -> str | None:
    text = document.get("jwk")
    if not text:
        return None
    stored = jose.public_set(text)
    column = world.facts.jwk_column
    if column is not None and len(stored) > column:
        raise ServerCrashError
    return stored


def secret_by_method(world: World, method: str, secret: str | None) -> str | None:
    """The secret that goes with an auth method on versions where it follows the method.

    A method with a secret gets a new one when there is none, which no answer shows; the others lose theirs
    (rec: admin-auth-method-matrix, self-service-secret-and-auth-method).
    """
    if method not in SECRET_METHODS:
        return None
    return world.new_secret() if secret is None else secret


def new_client(world: World, document: Document, fields: dict[str, Any]) -> Client:
    """A client that is not stored yet, with an id and, where its method needs one, a secret.

    The caller's id and secret are taken, even an empty secret (rec: admin-chosen-secret).
    """
    client_id = document.get("client_id")
    secret = document.get("client_secret")
    if secret is None and fields["token_endpoint_auth_method"] in SECRET_METHODS:
        secret = world.new_secret()
    return Client(
        key=world.store.new_key(),
        client_id=world.chance.new_client_id() if client_id is None else client_id,
        client_secret=secret,
        created_at=world.chance.now_ms(),
        **fields,
    )
