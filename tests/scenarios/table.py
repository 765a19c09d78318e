"""What the scenarios found, kept as JSON, and the page that shows it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from iac.sealing import new_identity
from tests.scenarios.place import Work
from tests.scenarios.suite import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.scenarios.place import Place

Cells = dict[str, str]
"""Row -> what was found."""

FOUND = Path(__file__).with_name("found.json")
PAGE = Path(__file__).parents[2] / "docs/reference/servers.md"
START, END = "<!-- found by tests/scenarios -->", "<!-- end -->"


def measure(place: Place, root: Path) -> Cells:
    """Every scenario at this place, one after the other on one project."""
    with working(place, root) as work:
        return {name: scenario(work) for name, scenario in ROWS.items()}


@contextmanager
def working(place: Place, root: Path) -> Iterator[Work]:
    """A new project at this place, with its key in the environment."""
    identity, recipient = new_identity()
    with _environ({**place.environ(), "IAC_AGE_IDENTITY": identity.reveal()}):
        yield Work(root, place, recipient)


@contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    os.environ.pop("IAC_ISSUER", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def name_of(place: Place) -> str:
    return f"{place.column} {place.version}".strip()


def load() -> dict[str, Cells]:
    """What was found, by place."""
    found: dict[str, Cells] = json.loads(FOUND.read_text(encoding="utf-8"))
    return found


def render(found: Mapping[str, Cells]) -> str:
    """The table: a row for each scenario, a column for each API, versions told apart where they differ."""
    columns: dict[str, dict[str, Cells]] = {}
    for name, cells in found.items():
        column, version = _split(name)
        columns.setdefault(column, {})[version] = cells
    heads = [f"{name} {next(iter(found))}".strip() if len(found) == 1 else name for name, found in columns.items()]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {row} | " + " | ".join(_cell(row, each) for each in columns.values()) + " |" for row in ROWS]
    return "\n".join(lines)


def _split(name: str) -> tuple[str, str]:
    column, _, version = name.rpartition(" ")
    return (column, version) if column and version[0].isdigit() else (name, "")


def _cell(row: str, versions: Mapping[str, Cells]) -> str:
    told: dict[str, list[str]] = {}
    for version, cells in versions.items():
        told.setdefault(cells[row], []).append(version)
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in told.items())


def page(found: Mapping[str, Cells]) -> str:
    """The page with this table in it."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return f"{before}{START}\n\n{render(found)}\n\n{END}{rest.partition(END)[2]}"
