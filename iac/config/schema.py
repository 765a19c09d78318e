"""JSON Schemas (2020-12) at work: every mistake of a document, in words of ours, at its place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from iac.config.number import make_whole
from iac.config.quick import compile_schema
from iac.resource import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iac.config.document import Document
    from iac.config.event import Pointer
    from iac.core.diagnostics import Diagnostic

SCHEMAS = ("client", "project", "plan")
"""Names of our schemas."""

_FILE = "{}.schema.json"


def schema_text(name: str) -> str:
    """The text of a schema: the packaged copy, in a checkout the file itself.

    Raises:
        FileNotFoundError: no such schema.
    """
    file = f"schemas/{_FILE.format(name)}"
    return resource(file, file).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Complaint:
    """A mistake and the value that cannot be used because of it."""

    pointer: Pointer
    diagnostic: Diagnostic


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """A schema as a value; `defaults` is that of a folder's defaults, a part of the project's."""
    if name == "defaults":
        return {"$ref": "#/$defs/layer", "$defs": load_schema("project")["$defs"]}
    schema: Mapping[str, Any] = json.loads(schema_text(name))
    return schema


@cache
def _quick(name: str) -> Callable[[Any], bool]:
    return compile_schema(load_schema(name))


def check_schema(document: Document, name: str) -> list[Complaint]:
    """Every mistake of a document by the schema of this name; empty when it is valid.

    Whole numbers in another notation become ints first: what reads the document after its schema meets no others.
    Nothing is said of a value that was refused as YAML already.
    """
    if _quick(name)(document.value):
        return []
    make_whole(document.value, load_schema(name))
    if _quick(name)(document.value):
        return []
    from iac.config.complaint import complaints  # jsonschema costs 80 ms, and most files are valid

    return [each for each in complaints(document, name) if not document.is_faulty(each.pointer)]
