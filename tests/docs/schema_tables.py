"""The tables of keys of definitions and of iac.yaml, in the words of the schemas; `tests.docs.reference` writes them.

A key that names a secret is one row. Rules of policy and bounds of lifetimes stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iac.config.schema import load_schema
from iac.core.desired import OWNERS
from iac.core.model import FIELDS

PAGES = {"client": "definition", "project": "project"}
_WORDS = {"object": "mapping", "array": "list", "string": "text", "integer": "whole number", "null": "null"}
_CLOSED = {"jwk", "defaults", "policy"}
"""What lies inside stands in another table, or in none."""
_NAMED = {"env": "`{env: NAME}`", "file": "`{file: PATH}`"}


def schema_table(name: str) -> str:
    """The table of a schema, as it has to stand on its page."""
    schema = load_schema(name)
    return "\n".join(dict.fromkeys(["| key | value | what |", "|---|---|---|", *_rows(schema, schema)])) + "\n"


def _rows(schema: Mapping[str, Any], value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """One row for each key, keys of inner mappings after their own mapping."""
    for key, part in value.get("properties", {}).items():
        inner = _resolved(schema, part)
        name = f"{prefix}{key}"
        if key.endswith("+") or (prefix == "environments.NAME." and "description" not in part):
            continue  # the pages say which keys these are
        yield f"| `{name}` | {_kind(inner)} | {inner['description']} |"
        yield from _inside(schema, inner, name)


def _inside(schema: Mapping[str, Any], value: Mapping[str, Any], name: str) -> Iterator[str]:
    """The rows of what lies inside a value."""
    if name in _CLOSED or name.startswith(("environments.NAME.", "defaults.", "lifetime_bounds.")):
        return
    for part in [value, *value.get("anyOf", ()), *value.get("oneOf", ())]:
        if not _names(part):
            yield from _rows(schema, part, f"{name}.")
        if isinstance(part.get("items"), dict):
            yield from _rows(schema, part["items"], f"{name}[].")
            yield from _inside(schema, part["items"], f"{name}[]")
        if isinstance(part.get("additionalProperties"), dict) and name in {"environments", "sinks"}:
            yield from _named(schema, part["additionalProperties"], f"{name}.NAME")


def _named(schema: Mapping[str, Any], part: Mapping[str, Any], name: str) -> Iterator[str]:
    """The rows of an entry that has a name of the user's choice."""
    entry = _resolved(schema, part)
    yield f"| `{name}` | {_kind(entry)} | {entry.get('description', 'One environment.')} |"
    if "overlay" not in str(part.get("$ref")):
        yield from _rows(schema, entry, f"{name}.")
        yield from _inside(schema, {"oneOf": entry.get("oneOf", [])}, name)


def _resolved(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A subschema with its reference followed; its own description wins."""
    if "$ref" not in value:
        return value
    return {**schema["$defs"][value["$ref"].removeprefix("#/$defs/")], **value}


def _names(value: Mapping[str, Any]) -> str:
    """How a mapping names a variable or a file; "" for any other value."""
    keys = value.get("properties", {})
    return " or ".join(_NAMED[key] for key in keys) if keys and keys.keys() <= _NAMED.keys() else ""


def _kind(value: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    if _names(value):
        return _names(value)
    if "anyOf" in value or "oneOf" in value:
        return " or ".join(dict.fromkeys(_kind(part) for part in value.get("anyOf") or value["oneOf"]))
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return _choice(value["enum"])
    names = value["type"] if isinstance(value["type"], list) else [value["type"]]
    words = [_WORDS.get(name, "flag" if name == "boolean" else name) for name in names]
    if "examples" in value:
        return f"{_choice(value['examples'])} or another URI"
    if "array" in names and {"enum", "examples"} & value["items"].keys():
        is_field = set(value["items"].get("enum", ())) == {*FIELDS, OWNERS}
        words[words.index("list")] = "list of names of fields" if is_field else f"list of {_kind(value['items'])}"
    return " or ".join(words)


def _choice(values: list[str | None]) -> str:
    """The values that there are, but not all ids of policy, and of URNs only those without a short name."""
    if values == [None]:
        return "null"
    if "implicit-grant" in values:
        return "id of a [rule](policy.md)"
    return ", ".join(f"`{value}`" for value in values if value is not None and not value.startswith("urn:"))
