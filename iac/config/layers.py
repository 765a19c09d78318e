"""The layers of a definition in an environment, and how each is read. An environment overrides the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from iac.config.complaint import check_schema
from iac.config.document import Document, read_document
from iac.config.event import Pointer
from iac.config.merge import Layer, Part, usable
from iac.config.tree import is_defaults
from iac.core.desired import DEFAULT
from iac.core.diagnostics import Diagnostic


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


def layer_name(part: Part, project_file: str) -> str:
    """What people call the layer that a value stands in."""
    is_overlay = part.pointer[0] == "environments"
    if part.document.file == project_file:
        return f"defaults of environment {part.pointer[1]}" if is_overlay else "defaults of the project"
    if is_defaults(part.document.file):
        return "defaults of the folder"
    return f"environment {part.pointer[1]}" if is_overlay else "definition"


def read_layer(root: Path, file: str, schema: str) -> tuple[Layer | None, list[Diagnostic]]:
    """A file as a layer, None when nothing in it can be used, and its mistakes."""
    document, found = read_document(root, file)
    if document is None:
        return None, found
    layer, complaints = layer_of(document, schema)
    return layer, [*found, *complaints]


def layer_of(document: Document, schema: str) -> tuple[Layer | None, list[Diagnostic]]:
    """A document as a layer, as `read_layer`."""
    complaints = check_schema(document, schema)
    found = [said for _, said in complaints]
    if not isinstance(document.value, dict):
        return None, found
    broken = (*document.faulty, *(pointer for pointer, _ in complaints))
    return Layer(document, (), usable(document.value, broken) if broken else document.value, broken), found
