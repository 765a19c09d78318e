"""Where everything stands that was read from a YAML file."""

from __future__ import annotations

from collections.abc import Iterator

from iac.document import Marks, Pointer


def all_places(place: Marks, pointer: Pointer = ()) -> Iterator[tuple[Pointer, tuple[int, int, int, int]]]:
    """Each pointer, with line and column of its key and of its value, from 1."""
    key, value, below = place
    yield pointer, (key.line + 1, key.column + 1, value.line + 1, value.column + 1)
    for name, inner in below.items() if isinstance(below, dict) else enumerate(below or ()):
        yield from all_places(inner, (*pointer, name))
