"""The reference of definitions and of iac.yaml has a row for every key, in the words of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac.config.schema import load_schema
from iac.core.desired import OWNERS
from iac.core.model import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE = Path(__file__).parents[2] / "docs/reference"
PAGES = {"client": "definition.md", "project": "project.md"}
ANY = 6
"""Types of JSON."""
WORDS = {"object": "mapping", "array": "list", "string": "text", "integer": "whole number", "null": "null"}


def resolved(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A subschema with its reference followed; its own description wins."""
    if "$ref" not in value:
        return value
    return {**schema["$defs"][value["$ref"].removeprefix("#/$defs/")], **value}


def kind(value: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    if "anyOf" in value or "oneOf" in value:
        return " or ".join(dict.fromkeys(kind(part) for part in value.get("anyOf") or value["oneOf"]))
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return (
            "null" if value["enum"] == [None] else ", ".join(f"`{item}`" for item in value["enum"] if item is not None)
        )
    names = value["type"] if isinstance(value["type"], list) else [value["type"]]
    words = [WORDS.get(name, "flag" if name == "boolean" else name) for name in names]
    if len(names) == ANY:
        return "any"
    if "examples" in value:
        return ", ".join(f"`{item}`" for item in value["examples"]) + " or another URI"
    if "array" in names and {"enum", "examples"} & value["items"].keys():
        is_field = set(value["items"].get("enum", ())) == {*FIELDS, OWNERS}
        words[words.index("list")] = "list of names of fields" if is_field else f"list of {kind(value['items'])}"
    return " or ".join(words)


def rows(schema: Mapping[str, Any], value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """One row of a table for each key, keys of inner mappings after their own mapping."""
    for key, part in value.get("properties", {}).items():
        inner = resolved(schema, part)
        name = f"{prefix}{key}"
        yield f"| `{name}` | {'list' if key.endswith('+') else kind(inner)} | {inner['description']} |"
        if not key.endswith("+"):
            yield from inside(schema, inner, name)


def inside(schema: Mapping[str, Any], value: Mapping[str, Any], name: str) -> Iterator[str]:
    """The rows of what lies inside a value."""
    if name in {"jwk", "defaults"} or name.startswith(("environments.NAME.", "defaults.")):
        return
    for part in [value, *value.get("anyOf", ()), *value.get("oneOf", ())]:
        yield from rows(schema, part, f"{name}.")
        if isinstance(part.get("items"), dict):
            yield from rows(schema, part["items"], f"{name}[].")
            yield from inside(schema, part["items"], f"{name}[]")
        if isinstance(part.get("additionalProperties"), dict) and name in {"environments", "sinks"}:
            other = resolved(schema, part["additionalProperties"])
            yield f"| `{name}.NAME` | {kind(other)} | {other.get('description', 'One environment.')} |"
            if "overlay" not in str(part["additionalProperties"].get("$ref")):
                yield from rows(schema, other, f"{name}.NAME.")
                yield from inside(schema, {"oneOf": other.get("oneOf", [])}, f"{name}.NAME")


def table(name: str) -> str:
    """The table of a schema, as it stands on its page."""
    schema = load_schema(name)
    lines = dict.fromkeys(["| key | value | what |", "|---|---|---|", *rows(schema, schema)])
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_table_of_its_schema(name: str) -> None:
    assert table(name) in (REFERENCE / PAGES[name]).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_table_has_every_key_of_its_schema(name: str) -> None:
    keys = set(load_schema(name)["properties"])
    assert keys <= {line.split("`")[1] for line in table(name).splitlines()[2:]}
