"""Secrets as a type that cannot leak by accident. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

from msgspec import Struct

_SHOWN = "(sensitive)"


class Secret:
    """A client secret, token or key. `str`, `repr` and `format` say "(sensitive)"; `reveal` is the only way out.

    Compares in constant time with other secrets, has no hash, cannot be pickled.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a secret must not be the key of a mapping

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The clear text. Every call is a place to review."""
        return self._value

    def fingerprint(self, salt: str) -> str:
        """Eight hex digits (32 bits, salted) by which a changed secret is noticed and none can be guessed."""
        return hashlib.sha256(f"{salt}:{self._value}".encode()).hexdigest()[:8]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __str__(self) -> str:
        return _SHOWN

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


class Unshown(Struct, frozen=True):
    """A value with credentials among its fields, also as plain text: no repr shows them, not that of rich either."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
