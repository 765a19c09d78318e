"""The table that is printed: one row a case and server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.cases import Case
    from benchmarks.measure import Comparison, Spread

_HEAD = ("case", "what", "server", "ours", "floor", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured case. `server` is its flavour or host, "-" for none."""

    case: Case
    size: int
    server: str
    found: Comparison

    @property
    def verdict(self) -> str:
        """Whether the target is met by the median: ok, over, or nothing where there is none."""
        if self.case.target is None:
            return ""
        counted = self.found.ours if self.case.unit == "MB" else self.found.ratio
        return "ok" if counted.median <= self.case.target else "over"

    def cells(self) -> tuple[str, ...]:
        """The row as text; each number with its spread in brackets."""
        unit = self.case.unit
        return (
            self.case.name,
            self.case.what.format(n=self.size),
            self.server,
            _shown(self.found.ours, unit),
            _shown(self.found.floor, unit),
            _shown(self.found.ratio, ""),
            self._target(),
            self.verdict,
        )

    def _target(self) -> str:
        if self.case.target is None:
            return "-"
        return f"{self.case.target:g} MB" if self.case.unit == "MB" else f"{self.case.target:g} x"


def _shown(spread: Spread, unit: str) -> str:
    factor, digits, name = {"s": (1000, 0, " ms"), "MB": (1, 0, " MB"), "": (1, 2, "")}[unit]
    median, least, most = (f"{value * factor:.{digits}f}" for value in (spread.median, spread.least, spread.most))
    return f"{median}{name} ({least}-{most})"


def render_table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, aligned for the eye."""
    lines = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
