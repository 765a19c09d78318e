"""Where the values of a client come from, for people. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.core.provenance import Provenance


def provenance_text(told: Provenance) -> str:
    """One line a value: name, value, place, layer; a name that several lines have stands once."""
    rows = [(origin.name, _shown(origin.value), _place(origin.location), origin.layer) for origin in told.origins]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"{told.address}  client_id {told.client_id or '(none)'}, environment {told.environment}"]
    before = ""
    for name, value, place, layer in rows:
        head = "" if name == before else name
        before = name
        lines.append(f"  {head:<{widths[0]}}  {value:<{widths[1]}}  {place:<{widths[2]}}  {layer}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _place(location: object) -> str:
    return "-" if location is None else str(location)
