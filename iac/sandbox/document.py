"""A client's JSON: what a create or update makes of a body, and what answers show.

Which fields there are, who sets and who sees them stands in `iac.sandbox.model.Client`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from random import Random
from typing import Any

from iac.sandbox import jose
from iac.sandbox.flavour import FlavourFacts
from iac.sandbox.message import RefusalError, Request, ServerCrashError, empty
from iac.sandbox.model import FIELDS, SECRET_METHODS, SELF_SERVICE, Client, FieldKind, FieldRow, Setter, View
from iac.sandbox.world import World

_MAX_CLIENT_ID = 256

Document = dict[str, Any]
"""Field name -> parsed value: str, int, bool, sorted tuple of str, or None where null was sent.

Lists are sets to IAM: order and duplicates are not kept (rec: admin-order-and-duplicates)."""


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        raise TypeError(value)
    return json.dumps(value)


def _flag(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise ValueError(value)


def _number(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return int(value)


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or None in value:
        raise ValueError(value)
    return tuple(sorted({str(_text(item)) for item in value}))


def _words(value: Any) -> tuple[str, ...] | None:
    text = _text(value)
    return None if text is None else tuple(sorted(set(text.split(" "))))


# As lenient as IAM's JSON reader: numbers pass for texts and digits for numbers (rec: admin-create-rejected).
_PARSERS: Mapping[FieldKind | None, Callable[[Any], Any]] = {
    FieldKind.TEXT: _text,
    FieldKind.URL: _text,
    FieldKind.FLAG: _flag,
    FieldKind.NUMBER: _number,
    FieldKind.LIFETIME: _number,
    FieldKind.TEXTS: _texts,
    FieldKind.WORDS: _words,
}


def _parse(row: FieldRow, value: Any) -> Any:
    parsed = _PARSERS[row.kind](value)
    if (
        row.choices
        and parsed is not None
        and not row.choices.issuperset([parsed] if row.kind is FieldKind.TEXT else parsed)
    ):
        raise ValueError(value)
    return parsed


def read_document(request: Request, facts: FlavourFacts) -> Document:
    """The fields of the request's body that IAM knows; it ignores all others (rec: admin-create-rejected).

    Raises:
        RefusalError: 415 when it is not JSON, an empty 400 when it is broken or of the wrong types.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusalError(empty(415))
    try:
        raw = json.loads(request.body)
        if not isinstance(raw, dict):
            raise RefusalError(empty(400))
        known = {name: FIELDS[name] for name in raw if name in FIELDS and FIELDS[name].is_known(facts)}
        return {name: _parse(row, raw[name]) for name, row in known.items()}
    except (ValueError, TypeError, RecursionError, OverflowError) as broken:
        raise RefusalError(empty(400)) from broken


def stored_fields(world: World, document: Document, *setters: Setter) -> dict[str, Any]:
    """The fields that these setters' documents set; what the document leaves out gets the value of its row.

    `offline_access` brings the grant refresh_token (rec: admin-offline-access), jwks_uri wins over jwk
    (rec: admin-jwk-and-jwks-uri).

    Raises:
        ServerCrashError: for scope null (rec: admin-scope-null), a jwk that the column cannot hold, and an
            entity_id without expiration (rec: admin-jwk, admin-federation-fields).
    """
    if document.get("scope", ()) is None or (document.get("entity_id") and not document.get("expiration")):
        raise ServerCrashError
    values = {name: _stored(row, document.get(name)) for name, row in FIELDS.items() if row.setter in setters}
    if "offline_access" in values["scope"]:
        values["grant_types"] = tuple(sorted({*values["grant_types"], "refresh_token"}))
    values["jwk"] = None if values["jwks_uri"] else _stored_jwk(world, values["jwk"])
    return values


def _stored(row: FieldRow, value: Any) -> Any:
    if value is None or (row.kind is FieldKind.LIFETIME and value < row.least):
        return row.absent
    return value


def _stored_jwk(world: World, text: str | None) -> str | None:
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


def new_client(world: World, document: Document, values: dict[str, Any]) -> Client:
    """A client that is not stored yet, with an id and, where its method needs one, a secret.

    The caller's id and secret are taken, even an empty secret (rec: admin-chosen-secret).

    Raises:
        ServerCrashError: for an id that the database's column cannot hold (rec: admin-client-ids-odd 84).
    """
    client_id = document.get("client_id")
    if len(client_id or "") > _MAX_CLIENT_ID:
        raise ServerCrashError
    secret = document.get("client_secret")
    if secret is None and values["token_endpoint_auth_method"] in SECRET_METHODS:
        secret = world.new_secret()
    return Client(
        key=world.store.new_key(),
        client_id=world.chance.new_client_id() if client_id is None else client_id,
        client_secret=secret,
        created_at=world.chance.now_ms(),
        **values,
    )


@cache
def _shown_fields(view: View, facts: FlavourFacts) -> tuple[str, ...]:
    is_short = view is View.ACCOUNT and not facts.lists_are_full
    return tuple(name for name, row in FIELDS.items() if row.seen(view, facts) and (row.is_short or not is_short))


def show(world: World, client: Client, view: View, **more: str | None) -> dict[str, Any]:
    """The client's fields in that view with those of `more`; empty ones are left out, but for scope.

    Lists are in a fixed order, or in a random one where the world shuffles.
    """
    order = _shuffled(world.shuffler) if world.shuffler else tuple
    shown: dict[str, Any] = {}
    for name in _shown_fields(view, world.facts):
        value = getattr(client, name)
        if name == "scope":
            shown[name] = " ".join(order(value)) or None
        elif isinstance(value, tuple):
            if value:
                shown[name] = list(order(value))
        elif value is not None and value != "":
            shown[name] = value
    if view in SELF_SERVICE or (client.dynamically_registered and "dynamically_registered" in shown):
        # A client that lost its id is found below null (rec: self-service-put-without-client-id).
        uri = f"{world.base_url}/iam/api/client-registration/{client.client_id or 'null'}"
        shown["registration_client_uri"] = uri
    return shown | {name: value for name, value in more.items() if value is not None}


def _shuffled(shuffler: Random) -> Callable[[Iterable[str]], Iterable[str]]:
    def shuffled(values: Iterable[str]) -> list[str]:
        items = list(values)
        shuffler.shuffle(items)
        return items

    return shuffled


def render(world: World, client: Client, view: View) -> str:
    """The JSON of `show`, kept with the client as long as it does not change."""
    if world.shuffler:
        return json.dumps(show(world, client, view), ensure_ascii=False)
    text = client.rendered.get(view)
    if text is None:
        text = client.rendered[view] = json.dumps(show(world, client, view), ensure_ascii=False)
    return text
