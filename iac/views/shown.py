"""Values of fields in words, for all views that people read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.change import Cause
from iac.core.model import short_grant
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.core.model import Value

CAUSES = {Cause.DEFINITION: "", Cause.SERVER: "changed on the server", Cause.BOTH: "changed here and on the server"}
"""Who made a field differ; the definition, which is the usual, is not said."""

SOME_UNREAD = "Not all could be read from the server: the rest is compared with what was last applied."


def entry_shown(name: str, entry: str) -> str:
    """One entry of a field that is a set, inert: grant types in their short form."""
    return printable(short_grant(entry) if name == "grant_types" else entry)


def value_shown(name: str, value: Value | None) -> str:
    """The value of a field, inert; entries of a set side by side."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(entry_shown(name, entry) for entry in value)
    return printable(str(value))


def counted(number: int, noun: str) -> str:
    """`1 client`, `2 clients`, `2 addresses`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def shortened(text: str, limit: int) -> str:
    """The text, cut where it has more than `limit` characters; then its end says how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit:,} characters)"
