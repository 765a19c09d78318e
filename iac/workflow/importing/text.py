"""A definition's address and its text, in the form that `iac fmt` leaves as it is."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from iac.config.document import parse_document
from iac.config.edit.format import format_text, schema_address
from iac.config.edit.splice import scalar_text
from iac.core.diagnostics import Diagnostic

LONGEST = 64
"""Characters of a name that is made."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_APART = re.compile(r"[^a-z0-9_]+")


def slug(text: str) -> str:
    """A name for a file: small letters without accents, digits, underscores, hyphens; "" when none is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _APART.sub("-", plain)[: 4 * LONGEST].strip("-_")[:LONGEST].rstrip("-_")


def made_id(client_name: str) -> str:
    """A client_id for a client that has none yet."""
    return slug(client_name)


def address_for(client_id: str, client_name: str, taken: Collection[str], folder: str = "") -> str:
    """An address that is free.

    The file is named after the client_id, or after the name where the client_id is a UUID; when that is taken, both
    follow each other, then a number.

    Args:
        client_id: of the client.
        client_name: of the client.
        taken: addresses that are not free, upper and lower case being the same.
        folder: below clients.d, "" for itself.
    """
    used = {address.casefold() for address in taken}
    prefix = f"{folder}/" if folder else ""
    return next(prefix + name for name in _names(client_id, client_name) if (prefix + name).casefold() not in used)


def _names(client_id: str, client_name: str) -> Iterator[str]:
    by_id, by_name = slug(client_id), slug(client_name)
    first, second = (by_name, by_id) if _UUID.fullmatch(client_id) else (by_id, by_name)
    first = first or second or "client"
    yield first
    if second and second != first:
        yield f"{first}-{second}"[:LONGEST].rstrip("-_")
    number = 2
    while True:
        yield f"{first}-{number}"
        number += 1


WIDTH = 100
"""Columns that a list in one line may have."""


def write_definition(
    root: Path, file: str, values: Mapping[str, Any], comments: Sequence[str]
) -> tuple[str, list[Diagnostic]]:
    """The text of a definition, comments first, and why it cannot be read back as these values.

    Args:
        root: the project's folder.
        file: where it will stand, relative to it.
        values: keys and values of the definition.
        comments: one line each, printable.
    """
    raw = "".join([*(f"# {comment}\n" for comment in comments), *(_lines(values))])
    document, found = parse_document(raw.encode(errors="surrogatepass"), file)
    if document is None or found:
        return raw, found
    return format_text(document, raw, "client", schema_address(root, file, "client")), []


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
