"""The JSON Schemas (2020-12) of iac."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from iac.files import resource

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


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """A schema as a value; `defaults` is that of a folder's defaults, a part of the project's."""
    if name == "defaults":
        return {"$ref": "#/$defs/layer", "$defs": load_schema("project")["$defs"]}
    schema: Mapping[str, Any] = json.loads(schema_text(name))
    return schema
