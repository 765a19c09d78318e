"""Expressions of GitHub Actions, as far as our workflows use them: names, strings, ==, !=, &&, ||, functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"\s*(?:('[^']*')|(==|!=|&&|\|\||[()])|([A-Za-z_][\w.-]*))")
_PLACE = re.compile(r"\$\{\{(.*?)\}\}")


@dataclass
class _Parser:
    tokens: list[str]
    context: Mapping[str, Any]
    functions: Mapping[str, bool]

    def take(self, *wanted: str) -> str:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else ""

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.take("&&"):
            other = self.equal()
            value = value and other
        return value

    def equal(self) -> Any:
        value = self.one()
        while operator := self.take("==", "!="):
            value = (value == self.one()) == (operator == "==")
        return value

    def one(self) -> Any:
        if self.take("("):
            value = self.either()
            assert self.take(")")
            return value
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1]
        if self.take("("):
            assert self.take(")")
            return self.functions[token]
        value = self.context
        for part in token.split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return value


def evaluate(text: str, context: Mapping[str, Any], functions: Mapping[str, bool] | None = None) -> Any:
    tokens, rest = [], text.strip()
    while rest:
        found = _TOKEN.match(rest)
        assert found, f"this is no expression of ours: {text}"
        tokens.append(next(group for group in found.groups() if group))
        rest = rest[found.end() :].strip()
    parser = _Parser(tokens, context, functions or {})
    value = parser.either()
    assert not parser.tokens, f"this is no expression of ours: {text}"
    return value


def fill(value: Any, context: Mapping[str, Any]) -> str:
    """A value of env or with, as a step gets it."""
    if isinstance(value, bool):
        return str(value).lower()
    return _PLACE.sub(lambda found: _shown(evaluate(found[1], context)), str(value))


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
