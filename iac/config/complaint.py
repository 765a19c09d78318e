"""Every mistake of a document by its JSON Schema, in words of ours, at its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from iac.config.schema import FORMATS, compile_schema, load_schema, make_whole, values_of
from iac.core.catalogue import mistake
from iac.core.errors import Diagnostic
from iac.core.text import nearest
from iac.document import Document, Pointer

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Complaint = tuple[Pointer, Diagnostic]
"""The value that cannot be used because of a mistake, and the mistake."""


class Violation(Struct, frozen=True):
    """What jsonschema finds, typed: in which keyword, for which value at which pointer, in which branch of a union.

    Its own messages are left out: they print the value, secret or not.
    """

    keyword: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    pointer: tuple[str | int, ...]
    relative: tuple[str | int, ...]
    branch: int
    is_name: bool
    inner: tuple[Violation, ...]


def _typed(error: ValidationError) -> Violation:
    path = list(error.schema_path)
    return Violation(
        keyword=str(error.validator),
        wanted=error.validator_value,
        value=error.instance,
        schema=cast("Mapping[str, Any]", error.schema),
        pointer=tuple(error.absolute_path),
        relative=tuple(error.path),
        branch=path[0] if path and isinstance(path[0], int) else 0,
        is_name="propertyNames" in path,
        inner=tuple(_typed(inner) for inner in error.context or ()),
    )


@cache
def validator_of(name: str) -> Validator:
    """Jsonschema's validator of a schema, with our formats."""
    import jsonschema  # costs 80 ms, and most files are valid
    import referencing

    formats = jsonschema.FormatChecker(formats=())
    for format_name, test in FORMATS.items():
        formats.checks(format_name)(test)
    return jsonschema.Draft202012Validator(load_schema(name), registry=referencing.Registry(), format_checker=formats)


MAX_SHOWN = 60
_LOGIN_IN_URL = re.compile(r"://[^/\s]*@")
"""A URL with a user, and perhaps a password, in it: such a value is not shown."""

_SECRET_LIKE = re.compile(r"secret|token\Z|password|passphrase|key|jwk|identity|encryption|recipients|auth\Z")
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
_INSTEAD = {
    "client_secret": "a secret does not belong in a file of the project; iac makes it",
    "registration_access_token": "a token does not belong in a file of the project",
    "scopes": "did you mean scope?",
    "name": "did you mean client_name?",
    "description": "did you mean client_description?",
    "redirect_uri": "did you mean redirect_uris?",
    "grants": "did you mean grant_types?",
    "jwks": "did you mean jwk (by value), or jwks_uri?",
    "timeouts": "did you mean timeout?",
}
_CHOOSING = ("method", "kind")


@cache
def _quick(name: str) -> Callable[[Any], bool]:
    return compile_schema(load_schema(name))


def check_schema(document: Document, name: str) -> list[Complaint]:
    """Every mistake of a document by the schema of this name, one for each place and kind; empty when it is valid.

    Whole numbers in another notation become ints first: what reads the document after its schema meets no others.
    A value that was refused as YAML gets no second mistake.
    """
    if _quick(name)(document.value):
        return []
    make_whole(document.value, load_schema(name))
    if _quick(name)(document.value):
        return []
    complaints: dict[tuple[Any, ...], Complaint] = {}
    for error in validator_of(name).iter_errors(document.value):
        for pointer, diagnostic in _explain(document, _typed(error)):
            complaints.setdefault((*pointer, diagnostic.id), (pointer, diagnostic))
    return [(pointer, diagnostic) for pointer, diagnostic in complaints.values() if not document.is_faulty(pointer)]


def check_values(document: Document, pointer: Pointer, template: str, values: Mapping[str, Any]) -> list[Diagnostic]:
    """Every mistake in the `values` of the output at this pointer by the schema of its built-in template."""
    name, value = values_of(template), {"values": values}
    if _quick(name)(value):
        return []
    return [diagnostic for _, diagnostic in check_schema(document.part(pointer, value), name)]


def _explain(document: Document, error: Violation) -> Iterator[Complaint]:
    if error.keyword in _STRUCTURE:
        yield from _STRUCTURE[error.keyword](document, error)
        return
    rule, words = _KINDS.get(error.keyword, ("schema", _expected))
    expected, pointer, why = words(error), error.pointer, _why(error)
    if error.is_name:
        summary = f"the name {error.value} in {_name(pointer)} must be {expected}"
        pointer = (*pointer, str(error.value))
        yield pointer, mistake(rule, summary, document.at_key(*pointer), why=why, fix=f"rename it: {expected}")
    else:
        summary = f"{_name(pointer)} must be {expected}{_shown(pointer, error.value)}"
        yield pointer, mistake(rule, summary, document.at(*pointer), why=why, fix=_fix(error, expected))


def _unknown_keys(document: Document, error: Violation) -> Iterator[Complaint]:
    pointer = error.pointer
    known = error.schema.get("properties", {})
    for key in error.value:
        if key not in known:
            summary = f"unknown key {key}" + (f" in {_name(pointer)}" if pointer else "")
            place = document.at_key(*pointer, key)
            yield (*pointer, key), mistake("unknown-key", summary, place, fix=_instead(key, known))


def _instead(key: str, known: Iterable[str]) -> str:
    from iac.core.model import ANSWER_ONLY  # with its only use

    if usual := _INSTEAD.get(key):
        wanted = re.match(r"did you mean (\w+)", usual)
        if wanted is None or wanted[1] in known:
            return usual
    if key in ANSWER_ONLY:
        return "only the server sets it; remove it"
    names = list(known)
    if "#" in key and "extra" in names:
        return f"a text in another language is other metadata, extra: {{{key}: ...}}"
    return nearest(key, names) or (
        f"known keys: {', '.join(names[:30])}" if names else "remove it: this template takes no values"
    )


def _missing_keys(document: Document, error: Violation) -> Iterator[Complaint]:
    pointer = error.pointer
    for key in error.wanted:
        if key not in error.value:
            diagnostic = mistake(
                "missing-key",
                f"the key {key} is missing" + (f" in {_name(pointer)}" if pointer else ""),
                document.at(*pointer),
                why=error.schema.get("properties", {}).get(key, {}).get("description", ""),
                fix=f"add {key}:" + (f" under {_name(pointer)}" if pointer else ""),
            )
            yield (*pointer, key), diagnostic


def _union(document: Document, error: Violation) -> Iterator[Complaint]:
    """The mistakes of the one branch that was meant; when none can be told from the others, what all of them are."""
    branches: dict[int, list[Violation]] = {}
    for inner in error.inner:
        branches.setdefault(inner.branch, []).append(inner)
    meant = [errors for errors in branches.values() if not any(_is_other(inner) for inner in errors)]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from _explain(document, inner)
        return
    pointer = error.pointer
    names = _names_of_branches(error)
    if names and isinstance(error.value, dict):
        yield from _explain(document, _name_of_branch(error, *names))
        return
    choices = " or ".join(dict.fromkeys(_branch(part) for part in error.wanted if part.get("type") != "null"))
    yield (
        pointer,
        mistake(
            "wrong-type",
            f"{_name(pointer)} must be {choices}{_shown(pointer, error.value)}",
            document.at(*pointer),
            why=_why(error),
            fix=_instead_of_literal(error) or f"write {choices}",
        ),
    )


def _names_of_branches(error: Violation) -> tuple[str, list[str]] | None:
    """The key that says which branch is meant, such as `method` of `auth`, and what it may be."""
    for key in _CHOOSING:
        if all("const" in part.get("properties", {}).get(key, {}) for part in error.wanted):
            return key, [part["properties"][key]["const"] for part in error.wanted]
    return None


def _name_of_branch(error: Violation, key: str, names: list[str]) -> Violation:
    """The mistake that no branch has the name that is given, or that none is given."""
    if key not in error.value:
        return replace(error, keyword="required", wanted=[key])
    pointer = (*error.pointer, key)
    return replace(error, keyword="enum", wanted=names, value=error.value[key], pointer=pointer, schema={})


def _instead_of_literal(error: Violation) -> str:
    if not isinstance(error.value, str):
        return ""
    if any("env" in part.get("properties", {}) for part in error.wanted):
        return "name a place, never the secret itself: {env: NAME} or {file: PATH}"
    return nearest(error.value, [str(part["const"]) for part in error.wanted if "const" in part])


def _is_other(error: Violation) -> bool:
    """Whether this error says that another branch was meant: the value's type, or the constant that names a branch."""
    if error.keyword == "type":
        return not error.relative
    return (
        error.keyword == "const"
        or (error.keyword == "required" and any("const" in _property(error, key) for key in error.wanted))
        or (error.keyword == "additionalProperties" and not set(error.value) & set(error.schema["properties"]))
    )


def _property(error: Violation, key: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = error.schema.get("properties", {}).get(key, {})
    return schema if key not in error.value else {}


def _branch(part: Mapping[str, Any]) -> str:
    if "const" in part:
        return str(part["const"])
    keys = part.get("properties", {})
    for key in _CHOOSING:
        if "const" in keys.get(key, {}):
            return f"a mapping with {key}: {keys[key]['const']}"
    return f"{{{next(iter(keys))}: ...}}" if len(keys) == 1 else _TYPES[part["type"]]


def _name(pointer: tuple[str | int, ...]) -> str:
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in pointer]
    return "".join(parts).removeprefix(".") or "the file"


def _shown(pointer: tuple[str | int, ...], value: object) -> str:
    """`, not VALUE` for a short plain value that cannot be a secret."""
    is_secret = any(isinstance(part, str) and _SECRET_LIKE.search(part) for part in pointer)
    is_secret |= pointer[-1:] == ("values",)
    text = json.dumps(value, ensure_ascii=False)
    if (
        isinstance(value, dict | list)
        or (is_secret and "token_endpoint_auth_method" not in pointer)
        or _LOGIN_IN_URL.search(text)
    ):
        return ""
    return f", not {text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + '...'}"


def _types(error: Violation) -> str:
    names = [error.wanted] if isinstance(error.wanted, str) else error.wanted
    return " or ".join(_TYPES[name] for name in names if name != "null")


def _choices(error: Violation) -> list[str]:
    return [str(item) for item in error.wanted if item is not None]


def _expected(error: Violation) -> str:
    expected: str = error.schema.get("x-expected") or {"uri": "an absolute URI"}.get(error.schema.get("format", ""), "")
    return expected or "what its description says"


def _bound(error: Violation, low: str, high: str, unit: str) -> str:
    least, most = error.schema.get(low), error.schema.get(high)
    if least is None or most is None:
        return f"at {'most' if least is None else 'least'} {most if least is None else least}{unit}"
    return f"{least} to {most}{unit}"


def _why(error: Violation) -> str:
    return str(error.schema.get("description", ""))


def _fix(error: Violation, expected: str) -> str:
    """What to do."""
    match error.keyword:
        case "enum":
            return nearest(str(error.value), _choices(error)) or "choose one of them"
        case "pattern" if "examples" in error.schema:
            return nearest(str(error.value), error.schema["examples"]) or f"use {expected}"
        case "type":
            return _other_type(error, expected)
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties":
            return "shorten it" if error.keyword.startswith("max") else "write more"
        case "minimum" | "maximum":
            return f"choose {expected}"
    return f"use {expected}"


def _other_type(error: Violation, expected: str) -> str:
    if "string" in error.wanted and isinstance(error.value, int | float):
        return "put it in quotes if it is text"
    if "array" in error.wanted and not isinstance(error.value, dict):
        return "write a list: [..]"
    return f"write {expected}"


_LENGTH = ("bad-length", partial(_bound, low="minLength", high="maxLength", unit=" characters long"))
_COUNT = ("bad-length", partial(_bound, low="minItems", high="maxItems", unit=" items long"))
_RANGE = ("bad-number", partial(_bound, low="minimum", high="maximum", unit=""))
_KINDS: Mapping[str, tuple[str, Callable[[Violation], str]]] = {
    "type": ("wrong-type", _types),
    "enum": ("not-one-of", lambda error: f"one of {', '.join(_choices(error))}"),
    "const": ("not-one-of", lambda error: str(error.wanted)),
    "pattern": ("bad-format", _expected),
    "format": ("bad-format", _expected),
    "minLength": _LENGTH,
    "maxLength": _LENGTH,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minProperties": ("bad-length", lambda error: f"a mapping with at least {error.wanted} key"),
    "minimum": _RANGE,
    "maximum": _RANGE,
}
_STRUCTURE: Mapping[str, Callable[[Document, Violation], Iterator[Complaint]]] = {
    "anyOf": _union,
    "oneOf": _union,
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
}
"""Keywords that can be broken in several places at once."""
