"""Which layers a definition has in an environment, and what each is called. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iac.config.merging import Layer
from iac.config.override import overrides
from iac.config.tree import is_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iac.config.document import Document
    from iac.config.merging import Part


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
