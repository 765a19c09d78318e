"""The tables on the page of state, in the words of the classes that stand in the document."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from iac.core.state.codec import EVENTS, ObjectShape
from iac.core.state.model import (
    Approval,
    ClientKey,
    ClientState,
    Intent,
    OutputRecord,
    Predecessor,
    SealedSecret,
    State,
    Tombstone,
)

PARTS: dict[str, type] = {
    "The whole document": State,
    "A client": ClientState,
    "A secret": SealedSecret,
    "A predecessor": Predecessor,
    "An output": OutputRecord,
    "An intent": Intent,
    "The approval": Approval,
    "A key": ClientKey,
    "A tombstone": Tombstone,
}


def members() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each part of the document, with a row for each of its members."""
    for part, kind in PARTS.items():
        attributes = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
        rows = re.findall(r"^ {4}([\w, ]+): (.*)$", attributes, re.MULTILINE)
        yield part, [(", ".join(_name(name, kind) for name in names.split(", ")), about) for names, about in rows]


def _name(name: str, kind: type) -> str:
    return f"`{name}` (optional)" if name in ObjectShape.of[kind]._defaults else f"`{name}`"


def events() -> Iterator[tuple[str, str]]:
    """A row for each event of the journal."""
    for name, shape in sorted(EVENTS.items()):
        yield f"`{name}`", (inspect.getdoc(shape._kind) or "").removeprefix("Journal event: ").removesuffix(".")
