"""Addresses for clients, from what others have called them: safe as a path, one for each. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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
