"""Layers of configuration laid over each other: typed, after parsing, and every value knows where it stands. Pure.

Lists and plain values replace those of the layer below; `key+` adds items to it; `lifecycle` and `secret` are merged
key by key; null and [] mean empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iac.config.document import Document
    from iac.config.event import Pointer
    from iac.core.diagnostics import Location

MERGED_BY_KEY = frozenset({"lifecycle", "secret"})
PLUS = "+"


class Unsure(Exception):
    """A value cannot be used, for a mistake in it that has been said already."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A mapping in a document; `broken` are pointers of values that cannot be used."""

    document: Document
    pointer: Pointer
    value: Mapping[str, Any]
    broken: Iterable[Pointer] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A value and where it stands."""

    value: Any
    document: Document
    pointer: Pointer

    def at(self, *more: str | int) -> Location:
        """Where it begins, or something in it."""
        return self.document.at(*self.pointer, *more)


class Item(NamedTuple):
    """An item of a list, or a word of a text, and where it stands."""

    value: Any
    part: Part
    position: int | None = None

    def at(self) -> Location:
        """Where it begins; for a word, where its text begins."""
        return self.part.at() if self.position is None else self.part.at(self.position)


@dataclass(slots=True)
class Merged:
    """The outcome: key (`lifecycle.prevent_destroy` for what is merged by key) -> the parts that make its value."""

    parts: dict[str, list[Part]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key that is no list.

        Raises:
            Unsure: a mistake in it has been said.
        """
        if key in self.broken:
            raise Unsure
        parts = self.parts.get(key)
        return parts[-1].value if parts else default

    def items(self, key: str) -> list[Item]:
        """The items of a list over all its parts, text split at white space, each with its place.

        Raises:
            Unsure: a mistake in it has been said.
        """
        if key in self.broken:
            raise Unsure
        found: list[Item] = []
        for part in self.parts.get(key, ()):
            if isinstance(part.value, str):
                found += [Item(word, part) for word in part.value.split()]
            else:
                found += [Item(value, part, index) for index, value in enumerate(part.value or ())]
        return found

    def values(self, key: str) -> list[Any]:
        """The items of a list without their places."""
        found: list[Any] = []
        for part in self.parts.get(key, ()):
            found += part.value.split() if isinstance(part.value, str) else part.value or ()
        return found

    def at(self, key: str) -> Location | None:
        """Where a key's value begins; None when it is nowhere."""
        parts = self.parts.get(key)
        return parts[-1].at() if parts else None


def merge(layers: Iterable[Layer]) -> Merged:
    """Lay each layer over those before it."""
    merged = Merged()
    for layer in layers:
        _lay(merged, layer)
    return merged


def _lay(merged: Merged, layer: Layer) -> None:
    document, pointer = layer.document, layer.pointer
    added = []
    for key, value in layer.value.items():
        if key.endswith(PLUS):
            added.append(key)
        elif key in MERGED_BY_KEY and isinstance(value, dict):
            for inner, item in value.items():
                merged.parts[f"{key}.{inner}"] = [Part(item, document, (*pointer, key, inner))]
        else:
            merged.parts[key] = [Part(value, document, (*pointer, key))]
    for key in added:
        merged.parts.setdefault(key[:-1], []).append(Part(layer.value[key], document, (*pointer, key)))
    for broken in layer.broken:
        if broken[: len(pointer)] == pointer and len(broken) > len(pointer):
            _break(merged, broken[len(pointer) :])


def _break(merged: Merged, pointer: Pointer) -> None:
    key = str(pointer[0]).removesuffix(PLUS)
    merged.broken.add(key)
    if key in MERGED_BY_KEY:
        merged.broken.update(f"{key}.{inner}" for inner in pointer[1:2])
