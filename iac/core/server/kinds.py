"""Which members of a client's answer are not of the kind that their field has. Pure.

A server's answer is not believed member by member: a client whose secret came as a number has a secret all the same,
and a flag that came as a text says neither yes nor no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from iac.core.model import FIELDS, Kind
from iac.core.registration import Misfit
from iac.core.text import printable

DEEPEST = 20
"""Levels of lists and objects in one member; state and views walk through what is kept of an answer."""

CREDENTIALS = ("client_secret", "registration_access_token")

_HALVES = re.compile(r"[\ud800-\udfff]")

_FURTHER: Mapping[str, Kind] = {
    "client_id": Kind.TEXT,
    "client_secret": Kind.TEXT,
    "registration_access_token": Kind.TEXT,
    "registration_client_uri": Kind.TEXT,
    "active": Kind.FLAG,
    "dynamically_registered": Kind.FLAG,
}
"""Members beside the settable fields by which iac decides."""

_WORDS: Mapping[Kind, str] = {
    Kind.TEXT: "a text",
    Kind.SET: "a list of texts",
    Kind.FLAG: "true or false",
    Kind.SECONDS: "a whole number",
    Kind.JWKS: "a text",
    Kind.JSON: "a JSON value",
}


def kinds_on_wire(wire_names: Mapping[str, str]) -> Mapping[str, Kind]:
    """The kind of each member of an answer by its name there; `wire_names` are those of fields that are renamed."""
    fields = {wire_names.get(name, name): field.kind for name, field in FIELDS.items()}
    return {**fields, **_FURTHER}


def find_misfits(answer: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Iterator[Misfit]:
    """Each member that is not what it should be; null is nothing."""
    for name, value in answer.items():
        if value is None:
            continue
        kind = kinds.get(name)
        if kind is not None and not _fits(name, kind, value):
            yield Misfit(name, "an object" if name == "jwks" else _WORDS[kind], _actual(value))
        elif name in CREDENTIALS and not value.isprintable():
            # RFC 6749 appendix A has printable characters alone; another would be a line of its own in a service's file
            yield Misfit(name, "a text of printable characters", "another one")
        elif isinstance(value, list | dict) and _depth(value) > DEEPEST:
            yield Misfit(printable(name), f"at most {DEEPEST} levels", "more of them")
        elif not _is_whole(name) or not _is_whole(value):
            yield Misfit(printable(name), "whole characters", "half of one, which no file can hold")


def _fits(name: str, kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.SET:
            is_words = name == "scope" and isinstance(value, str)
            return is_words or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.SECONDS:
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case Kind.JWKS:
            return isinstance(value, dict if name == "jwks" else str)
        case Kind.JSON:
            return True
        case _:
            return isinstance(value, str)


def _actual(value: Any) -> str:
    others = [item for item in value if not isinstance(item, str)] if isinstance(value, list) else []
    return f"a list with {_word(others[0])} in it" if others else _word(value)


def _word(value: Any) -> str:
    words = {bool: "true or false", int: "a number", float: "a fraction", str: "a text", list: "a list"}
    return "null" if value is None else words.get(type(value), "an object")


def _is_whole(value: Any) -> bool:
    """Whether no text in the value has half of a character (a surrogate alone)."""
    match value:
        case str():
            return value.isascii() or not _HALVES.search(value)
        case list():
            return all(map(_is_whole, value))
        case dict():
            return all(_is_whole(name) and _is_whole(item) for name, item in value.items())
        case _:
            return True


def _depth(value: Any) -> int:
    """Levels of lists and objects; counted level by level, for a recursion would end where the nesting does not."""
    level, depth = [value], 0
    while level := [
        inner
        for item in level
        if isinstance(item, list | dict)
        for inner in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
    return depth
