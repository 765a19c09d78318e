"""A file of the project as a layer: read, parsed, checked by its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.config.document import read_document
from iac.config.merging import Layer, usable
from iac.config.schema import check_schema

if TYPE_CHECKING:
    from pathlib import Path

    from iac.config.document import Document
    from iac.core.diagnostics import Diagnostic


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
    found = [complaint.diagnostic for complaint in complaints]
    if not isinstance(document.value, dict):
        return None, found
    broken = (*document.faulty, *(complaint.pointer for complaint in complaints))
    return Layer(document, (), usable(document.value, broken) if broken else document.value, broken), found
