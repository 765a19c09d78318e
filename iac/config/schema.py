"""The JSON Schemas (2020-12) of iac: their text, formats, whole numbers, and a quick test of a value.

- `format`: jsonschema would need nine more packages for half of what `FORMATS` checks.
- Whole numbers: JSON Schema has one kind of number, Python has two. Where a schema asks for an integer, `3600.0` and
  `1E3` become 3600 and 1000, so what is planned, compared and stored is an int.
- `compile_schema` makes a schema one Python predicate: surely valid, or ask jsonschema. jsonschema decides on, and
  explains, all that the predicate does not pass. The predicate makes the usual case ten times faster, and spares valid
  projects the import of jsonschema (80 ms). It knows the keywords that our schemas use, and no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, reduce
from typing import Any

from iac.core.origin import is_uri
from iac.files import resource
from iac.registry import LOGINS
from iac.services import values_schema

_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def is_recipient(text: object) -> bool:
    """Whether the text is an age recipient whose checksum is right (BIP 173), or may be an SSH public key."""
    if not isinstance(text, str) or text.startswith("ssh-"):
        return True
    human, _, data = text.rpartition("1")
    if not human or text != text.lower() or not set(data) <= _BECH32.keys():
        return False
    values = [ord(char) >> 5 for char in human] + [0] + [ord(char) & 31 for char in human]
    return _checksum(values + [_BECH32[char] for char in data]) == 1


def _checksum(values: list[int]) -> int:
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for index, term in enumerate(_GENERATOR):
            if top >> index & 1:
                total ^= term
    return total


def is_date(text: object) -> bool:
    """Whether the text is a day, YYYY-MM-DD (RFC 3339 full-date)."""
    if not isinstance(text, str):
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


FORMATS: Mapping[str, Callable[[object], bool]] = {"uri": is_uri, "age-recipient": is_recipient, "date": is_date}
"""Format name -> whether a value has it; other types than text have every format (JSON Schema, validation 7.1)."""


def schema_text(name: str) -> str:
    """The text of a schema: the packaged copy, in a checkout the file itself.

    Raises:
        FileNotFoundError: no such schema.
    """
    file = f"schemas/{name}.schema.json"
    return resource(file, file).read_text(encoding="utf-8")


_VALUES = "values of "


def values_of(template: str) -> str:
    """The name of the schema of an output with this built-in template, as far as its `values` are concerned."""
    return _VALUES + template


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """A schema as a value; `defaults` is that of a folder's defaults, a part of the project's."""
    if name.startswith(_VALUES):
        return {"type": "object", "properties": {"values": values_schema(name.removeprefix(_VALUES))}}
    if name == "defaults":
        return {"$ref": "#/$defs/layer", "$defs": load_schema("project")["$defs"]}
    if name == "logins":
        return _logins(load_schema("project")["$defs"])
    schema: Mapping[str, Any] = json.loads(schema_text(name))
    return schema


def _logins(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """A person's file: for each issuer a login at which somebody is asked."""
    asking = [one for one in parts["auth"]["oneOf"] if LOGINS[one["properties"]["method"]["const"]].asks_a_person]
    login = {"description": parts["auth"]["description"], "oneOf": asking}
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"$ref": "#/$defs/issuer"},
        "additionalProperties": login,
        "$defs": parts,
    }


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
    part = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
    return part if isinstance(part, dict) else {}


Check = Callable[[Any], bool]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_NOTES = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "x-expected"})
"""Keywords that check nothing."""


def compile_schema(schema: Mapping[str, Any]) -> Check:
    """The predicate of a schema: True only if jsonschema would find nothing.

    Raises:
        ValueError: the schema uses a keyword that is not known here.
    """
    return _Compiler(schema).check(schema)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.known: dict[str, Check] = {}

    def check(self, schema: Mapping[str, Any]) -> Check:
        names = [name for name in schema if name not in _NOTES]
        if unknown := set(names) - _KEYWORDS.keys():
            raise ValueError(f"a schema of iac has the keyword {min(unknown)}: add its check to iac/config/schema.py")
        checks = dict.fromkeys(_KEYWORDS[name] for name in names)  # two keywords can share one check
        return reduce(_both, [make(self, schema) for make in checks])

    def ref(self, schema: Mapping[str, Any]) -> Check:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name not in self.known:
            self.known[name] = self.check(self.root["$defs"][name])
        return self.known[name]

    def any_of(self, schema: Mapping[str, Any]) -> Check:
        return reduce(_either, [self.check(part) for part in schema["anyOf"]])

    def one_of(self, schema: Mapping[str, Any]) -> Check:
        checks = [self.check(part) for part in schema["oneOf"]]
        return lambda value: sum(check(value) for check in checks) == 1

    def items(self, schema: Mapping[str, Any]) -> Check:
        check = self.check(schema["items"])
        return lambda value: value.__class__ is not list or all(map(check, value))

    def names(self, schema: Mapping[str, Any]) -> Check:
        check = self.check(schema["propertyNames"])
        return lambda value: value.__class__ is not dict or all(map(check, value))

    def properties(self, schema: Mapping[str, Any]) -> Check:
        checks = {name: self.check(part) for name, part in schema.get("properties", {}).items()}
        rest = schema.get("additionalProperties", True)
        rest_check: Check = self.check(rest) if isinstance(rest, dict) else (lambda _: bool(rest))

        def check(value: Any) -> bool:
            if value.__class__ is dict:
                for name, item in value.items():
                    if not checks.get(name, rest_check)(item):
                        return False
            return True

        return check


def _both(first: Check, second: Check) -> Check:
    return lambda value: first(value) and second(value)


def _either(first: Check, second: Check) -> Check:
    return lambda value: first(value) or second(value)


def _type(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    names = schema["type"]
    types = frozenset(kind for name in ([names] if isinstance(names, str) else names) for kind in _TYPES[name])
    return lambda value: value.__class__ in types


def _enum(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    allowed = schema["enum"] if "enum" in schema else [schema["const"]]
    texts = frozenset(item for item in allowed if isinstance(item, str))
    has_null = None in allowed
    return lambda value: value in texts if value.__class__ is str else value is None and has_null


def _required(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    names = frozenset(schema["required"])
    return lambda value: value.__class__ is not dict or names <= value.keys()


def _pattern(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    search = re.compile(schema["pattern"]).search
    return lambda value: value.__class__ is not str or search(value) is not None


def _format(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    return FORMATS[schema["format"]]


def _lengths(low: str, high: str, kind: type[Any]) -> Callable[[_Compiler, Mapping[str, Any]], Check]:
    def make(_: _Compiler, schema: Mapping[str, Any]) -> Check:
        least, most = schema.get(low, 0), schema.get(high, float("inf"))
        return lambda value: value.__class__ is not kind or least <= len(value) <= most

    return make


def _range(_: _Compiler, schema: Mapping[str, Any]) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: value.__class__ not in _TYPES["number"] or least <= value <= most


_LENGTH = _lengths("minLength", "maxLength", str)
_COUNT = _lengths("minItems", "maxItems", list)
_MEMBERS = _lengths("minProperties", "maxProperties", dict)

_KEYWORDS: Mapping[str, Callable[[_Compiler, Mapping[str, Any]], Check]] = {
    "$ref": _Compiler.ref,
    "anyOf": _Compiler.any_of,
    "oneOf": _Compiler.one_of,
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "required": _required,
    "pattern": _pattern,
    "format": _format,
    "items": _Compiler.items,
    "properties": _Compiler.properties,
    "additionalProperties": _Compiler.properties,
    "propertyNames": _Compiler.names,
    "minLength": _LENGTH,
    "maxLength": _LENGTH,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minProperties": _MEMBERS,
    "minimum": _range,
    "maximum": _range,
}
