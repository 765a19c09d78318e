"""What a definition has to say of a registration, its address, and its text in the form that `iac fmt` leaves as it is.

Always-managed fields are written with their values, equal to a default or not, so that a reader sees what is managed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from iac.config.definition import ValuePool, canonical_fields
from iac.config.edit.format import format_text
from iac.config.edit.splice import scalar_text
from iac.config.layers import MergedLayers
from iac.core import server
from iac.core.desired import OWNERS
from iac.core.errors import Diagnostic
from iac.core.model import ALWAYS, EXTRA, FIELDS, Field, Fields, Kind, Registration, Value, in_order, meant, short_grant
from iac.core.state.codec import without_credentials
from iac.document import Document, parse_document


def minimal_values(registration: Registration, base: MergedLayers, server_defaults: Fields) -> dict[str, Any]:
    """Keys of a definition, without client_id and adopt.

    Args:
        registration: what the server holds.
        base: what the place of the definition says already: defaults of the project, the environment, the folders.
        server_defaults: lifetimes that this server gives, as iac.yaml has them.
    """
    usual = {**server.defaults(), **server_defaults}
    below = canonical_fields(base, ValuePool())
    values: dict[str, Any] = {}
    for name in in_order(FIELDS.keys() & {*ALWAYS, *registration.fields, *base.parts}):
        field = FIELDS[name]
        value = meant(name, registration.fields.get(name))
        is_written = name in base.parts
        is_needed = (
            value is not None or below.get(name) is not None
            if field.always
            else _is_needed(field, value, below.get(name) if is_written else usual.get(name), is_written=is_written)
        )
        if is_needed:
            values[name] = definition_value(field, value)
    extra = {name.removeprefix(EXTRA): json.loads(str(value)) for name, value in _extras(registration, below)}
    return {**values, **({"extra": extra} if extra else {}), **dict(_owners(registration, base))}


def _extras(registration: Registration, below: Fields) -> Iterator[tuple[str, Value]]:
    """What the server has under names of its own, as far as the place of the definition does not say it."""
    for name in in_order(without_credentials(registration.fields).keys() - FIELDS.keys()):
        if below.get(name) != registration.fields[name]:
            yield name, registration.fields[name]


def _is_needed(field: Field, value: Value | None, below: Value | None, *, is_written: bool) -> bool:
    """Whether what is written below, or what the server gives by itself, is not what it holds."""
    if field.kind is Kind.FLAG:
        return bool(value) != bool(below) and (value is not None or is_written)
    if field.kind is Kind.SECONDS and value == 0 and server.refusals({field.name: value}):
        return is_written  # 0 is the server's own choice, refresh tokens aside
    return value != below and (value is not None or is_written)


def definition_value(field: Field, value: Value | None) -> Any:
    """A canonical value as a definition has it."""
    if field.kind is Kind.SET:
        entries = value if isinstance(value, tuple) else ()
        return [short_grant(entry) for entry in entries] if field.name == "grant_types" else list(entries)
    if field.kind is Kind.FLAG:
        return bool(value)
    is_json = field.kind in {Kind.JWKS, Kind.JSON}
    return _key_set(value) if is_json and isinstance(value, str) else value


def _key_set(text: str) -> Any:
    """A JWK set as a mapping; other text stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _owners(registration: Registration, base: MergedLayers) -> Iterator[tuple[str, list[str]]]:
    """Owners that were read; none at all is written only over others."""
    if registration.owners is None:
        return
    below = {owner.lower() for owner in base.values(OWNERS)}
    if set(registration.owners) != below:
        yield OWNERS, list(registration.owners)


LONGEST = 64
"""Characters of a name that is made."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_APART = re.compile(r"[^a-z0-9_]+")


def slug(text: str) -> str:
    """A name for a file: small letters without accents, digits, underscores, hyphens; "" when none is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _APART.sub("-", plain)[: 4 * LONGEST].strip("-_")[:LONGEST].rstrip("-_")


class FreeNames:
    """Which names are free. Names are taken and never given back, so no number is tried twice.

    Args:
        taken: names that are not free.
        fold: what names that are the same have in common.
    """

    def __init__(self, taken: Iterable[str], fold: Callable[[str], str] = str.casefold) -> None:
        self._fold = fold
        self._taken = set(map(fold, taken))
        self._numbers: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return self._fold(name) in self._taken

    def take(self, name: str) -> None:
        """Say that a name is not free from here on."""
        self._taken.add(self._fold(name))

    def first(self, name: str, *others: str) -> str:
        """The first of these names that is free; when none is, the first with a number: NAME-2, NAME-3 and so on."""
        free = next((candidate for candidate in (name, *others) if candidate not in self), None)
        return free or self._numbered(name)

    def _numbered(self, name: str) -> str:
        number = self._numbers.get(name, 2)
        while f"{name}-{number}" in self:
            number += 1
        self._numbers[name] = number
        return f"{name}-{number}"


def address_for(client_id: str, client_name: str, free: FreeNames, folder: str = "") -> str:
    """An address that is free.

    The file is named after the client_id, or after the name where the client_id is a UUID; when that is taken, both
    follow each other, then a number.

    Args:
        client_id: of the client.
        client_name: of the client.
        free: addresses that are free, upper and lower case being the same.
        folder: below clients.d, "" for itself.
    """
    prefix = f"{folder}/" if folder else ""
    by_id, by_name = slug(client_id), slug(client_name)
    first, second = (by_name, by_id) if _UUID.fullmatch(client_id) else (by_id, by_name)
    first = first or second or "client"
    both = [f"{first}-{second}"[:LONGEST].rstrip("-_")] if second and second != first else []
    return free.first(*(prefix + name for name in (first, *both)))


WIDTH = 100
"""Columns that a list in one line may have."""


def write_definition(
    file: str, first: str, values: Mapping[str, Any], comments: Sequence[str]
) -> tuple[str, Document | None, list[Diagnostic]]:
    """The text of a definition, comments first, what it holds, and why it cannot be read back as these values.

    Args:
        file: where it will stand, relative to the project.
        first: its first line.
        values: keys and values of the definition.
        comments: one line each, printable.
    """
    raw = "".join([first, *(f"# {comment}\n" for comment in comments), *(_lines(values))])
    document, faults = parse_document(raw.encode(errors="surrogatepass"), file)
    if document is None or faults:
        return raw, None, faults
    text = format_text(document, raw, "client", "")
    if text != raw:
        document, faults = parse_document(text.encode(), file)
    return text, document, faults


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        line = f"{key}: {_flow(value)}"
        if isinstance(value, list) and len(line) > WIDTH:
            yield f"{key}:\n"
            yield from (f"  - {_flow(item)}\n" for item in value)
        else:
            yield f"{line}\n"


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return scalar_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    return json.dumps(value)
