"""Whole numbers in another notation: where a schema asks for an integer, `3600.0` and `1E3` are 3600 and 1000. Pure.

JSON Schema has one kind of number, Python has two: what is planned, compared and stored is an int.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def make_whole(value: Any, schema: Schema) -> None:
    """Turn each whole float of a document into an int, in place, where the schema asks for an integer."""
    _whole(value, schema, schema)


def _whole(value: Any, schema: Schema, root: Schema) -> Any:
    parts = list(_parts(schema, root))
    if type(value) is float:
        return int(value) if value.is_integer() and any(_asks_for_integer(part) for part in parts) else value
    if type(value) is dict:
        for name in value:
            for part in parts:
                value[name] = _whole(value[name], _member(part, name), root)
    elif type(value) is list:
        for index in range(len(value)):
            for part in parts:
                value[index] = _whole(value[index], part.get("items", {}), root)
    return value


def _parts(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The schema and all others that it names for the same value."""
    yield schema
    if "$ref" in schema:
        yield from _parts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _parts(part, root)


def _asks_for_integer(schema: Schema) -> bool:
    kinds = schema.get("type", ())
    return "integer" in ([kinds] if isinstance(kinds, str) else kinds)


def _member(schema: Schema, name: str) -> Schema:
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
    return found if isinstance(found, dict) else {}
