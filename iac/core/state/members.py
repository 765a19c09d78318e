"""JSON objects read strictly: each member once, of its type, and none left over. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

from iac.core.state.model import SecretStatus

Object = dict[str, Any]

DEPTH = 64
"""How deep a JSON value may be nested: far below what the parser of any Python takes."""

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode


class Malformed(ValueError):
    """A value is not what its place asks for; the message says place and type, never the value."""


class Members:
    """The members of one JSON object, each taken once and with its type; `end` refuses what is left over."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: Any, at: str) -> None:
        if type(data) is not dict:
            raise Malformed(f"{at}: not an object")
        self._data: Object = dict(data)
        self._at = at

    def has(self, name: str) -> bool:
        """Whether an optional member is there."""
        return name in self._data

    def amend(self, change: Callable[[Object], None]) -> None:
        """Let an upgrade add what an older format did not have."""
        change(self._data)

    def text(self, name: str) -> str:
        """A string."""
        return str(self._take(name, str))

    def number(self, name: str, *, least: int = 0) -> int:
        """A whole number, by default from 0 on."""
        value = int(self._take(name, int))
        if value < least:
            raise Malformed(f"{self._at}.{name}: less than {least}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._take(name, bool))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return strings(self._take(name, list), f"{self._at}.{name}")

    def object(self, name: str) -> Object:
        """An object, as it is."""
        return dict(self._take(name, dict))

    def json(self, name: str) -> Object:
        """An object of any JSON values, as it is."""
        value = self.object(name)
        check_json(value, f"{self._at}.{name}")
        return value

    def items(self, name: str) -> list[Any]:
        """A list, as it is."""
        return list(self._take(name, list))

    def status(self, name: str) -> SecretStatus:
        """A secret's status."""
        try:
            return SecretStatus(self.text(name))
        except ValueError:
            raise Malformed(f"{self._at}.{name}: not a status of this version") from None

    def end(self) -> None:
        """Refuse members that nobody took: they would be lost by the next write."""
        if self._data:
            raise Malformed(f"{self._at}.{min(self._data)}: not a member of this version")

    def _take(self, name: str, kind: type) -> Any:
        value = self._data.pop(name, None)
        if type(value) is not kind:
            raise Malformed(f"{self._at}.{name}: {'missing' if value is None else f'not of type {kind.__name__}'}")
        return value


def strings(values: Iterable[Any], at: str) -> tuple[str, ...]:
    """A list of strings out of JSON; raises `Malformed`."""
    checked = tuple(values)
    if any(type(value) is not str for value in checked):
        raise Malformed(f"{at}: not a list of strings")
    return checked


def frozen(value: Any, at: str) -> Any:
    """A JSON value with tuples in the place of lists; raises `Malformed`."""
    check_json(value, at)
    return _frozen(value)


def _frozen(value: Any) -> Any:
    if type(value) is list:
        return tuple(_frozen(member) for member in value)
    if type(value) is dict:
        return {name: _frozen(member) for name, member in value.items()}
    return value


def check_json(value: Any, at: str, depth: int = DEPTH) -> None:
    """Refuse a value out of JSON that cannot be written as it was read: a number beyond all bounds, deep nesting.

    Raises:
        Malformed: it is one.
    """
    if type(value) is float and not math.isfinite(value):
        raise Malformed(f"{at}: a number that is too large")
    if type(value) in {list, dict}:
        if depth == 0:
            raise Malformed(f"{at}: nested too deep")
        for member in value.values() if type(value) is dict else value:
            check_json(member, at, depth - 1)


def load(text: str) -> Any:
    """The value of a JSON text; raises `Malformed`, also for a member that is there twice."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except Malformed:
        raise
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON from line {error.lineno} column {error.colno} on: {error.msg}") from None
    except RecursionError:
        raise Malformed("nested too deep") from None
    except ValueError:  # Python refuses to read whole numbers of more than 4,300 digits
        raise Malformed("a number with too many digits") from None


def dump(value: Any) -> str:
    """The JSON text of a value, in one line, its members sorted; raises `Malformed` for what JSON cannot hold."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        raise Malformed("not a value of JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> Object:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise Malformed("a member twice in one object")
    return data


def _refuse(name: str) -> Any:
    raise Malformed(f"{name} is not a JSON number")
