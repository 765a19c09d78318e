"""JSON objects read strictly: each member once, of its type, and none left over. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iac.core.state import SecretStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]


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

    def text(self, name: str) -> str:
        """A string."""
        return str(self._take(name, str))

    def number(self, name: str) -> int:
        """A whole number from 0 on."""
        value = int(self._take(name, int))
        if value < 0:
            raise Malformed(f"{self._at}.{name}: negative")
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
