"""The layers of a definition in an environment, how each is read, and how they are laid over each other.

Merging is typed, after parsing, and every value knows where it stands. Lists and plain values replace those of the
layer below; `key+` adds items to it; `lifecycle`, `secret` and `extra` are merged key by key; null and [] mean empty.
An environment overrides the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct, field

from iac.config.complaint import check_schema
from iac.config.tree import is_defaults
from iac.core.desired import DEFAULT
from iac.core.errors import Diagnostic, Location
from iac.document import Document, Pointer, read_document

MERGED_BY_KEY = frozenset({"lifecycle", "secret", "extra"})
PLUS = "+"
ENVIRONMENTS = "environments"


class UnusableValue(Exception):
    """A value cannot be used: a mistake in it is reported already."""


class Layer(Struct, frozen=True):
    """A mapping in a document.

    Attributes:
        value: what its schema has accepted, and nothing else; see `usable_values`.
        broken: pointers of the mistakes that its schema found; their keys are not in `value`.
    """

    document: Document
    pointer: Pointer
    value: Mapping[str, Any]
    broken: Iterable[Pointer] = ()


class LayerValue(NamedTuple):
    """A value and where it stands."""

    value: Any
    document: Document
    pointer: Pointer

    def at(self, *more: str | int) -> Location:
        """Where it begins, or something in it."""
        return self.document.at(*self.pointer, *more)


class ListItem(NamedTuple):
    """An item of a list, or a word of a text, and where it stands."""

    value: Any
    part: LayerValue
    position: int | None = None

    def at(self) -> Location:
        """Where it begins; for a word, where its text begins."""
        return self.part.at() if self.position is None else self.part.at(self.position)


class MergedLayers(Struct):
    """The outcome: key (`lifecycle.prevent_destroy` for what is merged by key) -> the parts that make its value."""

    parts: dict[str, list[LayerValue]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key whose value is not a list.

        Raises:
            UnusableValue: a mistake in it is reported already.
        """
        if key in self.broken:
            raise UnusableValue
        parts = self.parts.get(key)
        return parts[-1].value if parts else default

    def items(self, key: str) -> list[ListItem]:
        """The items of a list over all its parts, text split at white space, each with its place.

        Raises:
            UnusableValue: a mistake in it is reported already.
        """
        if key in self.broken:
            raise UnusableValue
        items: list[ListItem] = []
        for part in self.parts.get(key, ()):
            if isinstance(part.value, str):
                items += [ListItem(word, part) for word in part.value.split()]
            else:
                items += [ListItem(value, part, index) for index, value in enumerate(part.value or ())]
        return items

    def values(self, key: str) -> list[Any]:
        """The items of a list without their places; as `items`."""
        if key in self.broken:
            raise UnusableValue
        values: list[Any] = []
        for part in self.parts.get(key, ()):
            values += part.value.split() if isinstance(part.value, str) else part.value or ()
        return values

    def at(self, key: str) -> Location | None:
        """Where a key's value begins; None when it is nowhere."""
        parts = self.parts.get(key)
        return parts[-1].at() if parts else None


def usable_values(value: Mapping[str, Any], broken: Iterable[Pointer], pointer: Pointer = ()) -> dict[str, Any]:
    """A mapping without the keys that have a mistake at or below them.

    What comes after the schema never sees a value that the schema has not accepted: a rule that asks for a list gets
    one, also in a key that nobody has written yet.

    Args:
        value: the mapping.
        broken: pointers of mistakes.
        pointer: where the mapping stands.
    """
    wrong: dict[str | int, list[Pointer]] = {}
    for place in broken:
        if place[: len(pointer)] == pointer and len(place) > len(pointer):
            wrong.setdefault(place[len(pointer)], []).append(place)
    accepted: dict[str, Any] = {}
    for key, part in value.items():
        if key not in wrong:
            accepted[key] = part
        elif _is_taken_apart(pointer, key) and isinstance(part, dict):
            accepted[key] = usable_values(part, wrong[key], (*pointer, key))
    return accepted


def _is_taken_apart(pointer: Pointer, key: str) -> bool:
    """Whether a mistake in one key of this mapping leaves the others usable."""
    return key in MERGED_BY_KEY or (not pointer and key == ENVIRONMENTS) or pointer == (ENVIRONMENTS,)


def merge(layers: Iterable[Layer]) -> MergedLayers:
    """Lay each layer over those before it."""
    merged = MergedLayers()
    for layer in layers:
        _add_layer(merged, layer)
    return merged


def _add_layer(merged: MergedLayers, layer: Layer) -> None:
    document, pointer = layer.document, layer.pointer
    added = []
    for key, value in layer.value.items():
        if key.endswith(PLUS):
            added.append(key)
        elif key in MERGED_BY_KEY and isinstance(value, dict):
            for inner, item in value.items():
                merged.parts[f"{key}.{inner}"] = [LayerValue(item, document, (*pointer, key, inner))]
        else:
            merged.parts[key] = [LayerValue(value, document, (*pointer, key))]
    for key in added:
        merged.parts.setdefault(key[:-1], []).append(LayerValue(layer.value[key], document, (*pointer, key)))
    for broken in layer.broken:
        if broken[: len(pointer)] == pointer and len(broken) > len(pointer):
            _mark_broken(merged, broken[len(pointer) :])


def _mark_broken(merged: MergedLayers, pointer: Pointer) -> None:
    key = str(pointer[0]).removesuffix(PLUS)
    merged.broken.add(key)
    if key in MERGED_BY_KEY:
        merged.broken.update(f"{key}.{inner}" for inner in pointer[1:2])


def environment_names(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the environments of an iac.yaml."""
    return tuple(value.get("environments") or (DEFAULT,))


def overrides(value: Mapping[str, Any], environment: str) -> Mapping[str, Any]:
    """What one environment overrides."""
    return (value.get("environments") or {}).get(environment) or {}


def place_of(value: Mapping[str, Any], environment: str, key: str) -> Pointer:
    """Where a setting of an environment stands: in the environment, else at the top."""
    return ("environments", environment, key) if key in overrides(value, environment) else (key,)


def default_layers(document: Document, environment: str) -> Iterator[Layer]:
    """The defaults of iac.yaml: those of the project, then those of the environment."""
    value: Mapping[str, Any] = document.value
    own = overrides(value, environment)
    for pointer, defaults in (
        (("defaults",), value.get("defaults")),
        (("environments", environment, "defaults"), own.get("defaults")),
    ):
        if defaults:
            yield Layer(document, pointer, defaults)


def folder_layers(folders: Mapping[str, Layer | None], address: str) -> Iterator[Layer]:
    """The defaults of the folders that an address lies in, outermost first.

    Args:
        folders: folder relative to clients.d ("" for itself) -> its defaults; None for a file that cannot be used.
        address: of the definition.
    """
    if not folders:
        return
    parts = address.split("/")[:-1]
    for depth in range(len(parts) + 1):
        layer = folders.get("/".join(parts[:depth]))
        if layer is not None:
            yield layer


def overlay(layer: Layer, environment: str) -> Iterator[Layer]:
    """What a definition says for one environment alone."""
    overlays = layer.value.get("environments")
    value = overlays.get(environment) if isinstance(overlays, dict) else None
    if isinstance(value, dict):
        yield Layer(layer.document, ("environments", environment), value, layer.broken)


def layer_name(part: LayerValue, project_file: str) -> str:
    """What people call the layer that a value stands in."""
    is_overlay = part.pointer[0] == "environments"
    if part.document.file == project_file:
        return f"defaults of environment {part.pointer[1]}" if is_overlay else "defaults of the project"
    if is_defaults(part.document.file):
        return "defaults of the folder"
    return f"environment {part.pointer[1]}" if is_overlay else "definition"


def read_layer(root: Path, file: str, schema: str) -> tuple[Layer | None, list[Diagnostic]]:
    """A file as a layer, None when nothing in it can be used, and its mistakes."""
    document, diagnostics = read_document(root, file)
    if document is None:
        return None, diagnostics
    layer, complaints = layer_of(document, schema)
    return layer, [*diagnostics, *complaints]


def layer_of(document: Document, schema: str) -> tuple[Layer | None, list[Diagnostic]]:
    """A document as a layer, as `read_layer`."""
    complaints = check_schema(document, schema)
    diagnostics = [diagnostic for _, diagnostic in complaints]
    if not isinstance(document.value, dict):
        return None, diagnostics
    broken = (*document.faulty, *(pointer for pointer, _ in complaints))
    return Layer(document, (), usable_values(document.value, broken) if broken else document.value, broken), diagnostics
