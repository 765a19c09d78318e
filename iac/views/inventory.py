"""Clients as a table for people, or as CSV for spreadsheets. Pure; text of others is inert in both.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, so such a cell gets an apostrophe in
front, as OWASP advises (CSV injection). So does what follows a semicolon: where the comma is the decimal sign, as in
Italy, spreadsheets begin a cell there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from iac.core.inventory import COLUMNS, ClientStatus, Inventory, InventoryRow
from iac.core.text import printable
from iac.views.words import cell_text

_GAP = "  "
_NARROWEST = 8
_WHOLE = frozenset({"address", "client_id"})
"""Columns that are never cut: one looks further by them."""
_FORMULA = re.compile(r"(^|;)(?=[=+@\t\r-])")


def inventory_text(
    inventory: Inventory, columns: Sequence[str], rows: Sequence[InventoryRow], *, width: int | None = None
) -> str:
    """A line for each row, and how many clients there are.

    Args:
        inventory: for its counts.
        columns: names of `iac.core.inventory.COLUMNS`.
        rows: in their order.
        width: of the terminal: cells are cut so that lines fit where they can; None cuts none.
    """
    cells = [tuple(columns), *(tuple(printable(cell_text(COLUMNS[name](row))) for name in columns) for row in rows)]
    sizes = _sizes(columns, cells, width)
    lines = [_GAP.join(_fitted(cell, size) for cell, size in zip(line, sizes, strict=True)).rstrip() for line in cells]
    return "\n".join([*(lines if rows else []), *([""] if rows else []), summary_line(inventory, len(rows))]) + "\n"


def summary_line(inventory: Inventory, shown: int) -> str:
    """Counts in one line."""
    counts = [
        f"{inventory.counts[standing]:,} {standing}" for standing in ClientStatus if inventory.counts.get(standing)
    ]
    return f"{shown:,} of {sum(inventory.counts.values()):,} clients; {', '.join(counts) or 'none at all'}."


def inventory_csv(columns: Sequence[str], rows: Sequence[InventoryRow]) -> str:
    """Comma-separated values with a header (RFC 4180, but for line ends); sets are joined by spaces."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [printable(_FORMULA.sub(r"\1'", cell_text(COLUMNS[name](row)))) for name in columns] for row in rows
    )
    return text.getvalue()


def _sizes(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Of each column: what its longest cell needs. Where a line would not fit, the widest are cut that can be."""
    sizes = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    excess = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width if width else 0
    while excess > 0:
        size, widest = max(
            [(sizes[index], index) for index, name in enumerate(columns) if name not in _WHOLE] or [(0, 0)]
        )
        if size <= _NARROWEST:
            break
        sizes[widest] -= 1
        excess -= 1
    return sizes


def _fitted(cell: str, size: int) -> str:
    return f"{cell:<{size}}" if len(cell) <= size else f"{cell[: size - 1]}…"
