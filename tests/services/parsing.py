"""Readers of formats that have none in the standard library. Strict: what they do not know is an error."""

from __future__ import annotations

import re
from typing import Any

_DIRECTIVE = re.compile(r'([A-Za-z]+) "((?:[^"\\]|\\.)*)"')
_ASSIGNMENT = re.compile(r"([A-Z_][A-Z0-9_]*)=(?:'([^']*)'|([A-Za-z0-9._:/@%+,=-]*))")


def parse_apache(text: str) -> dict[str, str]:
    """Directives with one quoted argument, as httpd reads a quoted word."""
    found = [(line, _DIRECTIVE.fullmatch(line)) for line in text.splitlines()]
    assert all(match for _, match in found), found
    return {match[1]: re.sub(r'\\(["\\])', r"\1", match[2]) for _, match in found if match}


def parse_dotenv(text: str) -> dict[str, str]:
    """`NAME=bare` or `NAME='literal'`."""
    found = [(line, _ASSIGNMENT.fullmatch(line)) for line in text.splitlines()]
    assert all(match for _, match in found), found
    return {match[1]: match[2] if match[2] is not None else match[3] for _, match in found if match}


def parse_dirac(text: str) -> dict[str, Any]:
    """DIRAC's CFG: `Name`, `{`, options `Name = value`, `}`; `#` begins a comment."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    rest = [line for line in lines if line]
    section = _section(rest)
    assert not rest, rest
    return section


def _section(rest: list[str]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    while rest and rest[0] != "}":
        line = rest.pop(0)
        name, is_option, value = (part.strip() for part in line.partition("="))
        assert name not in entries, name
        if is_option:
            entries[name] = value
            continue
        assert rest.pop(0) == "{", line
        entries[name] = _section(rest)
        assert rest.pop(0) == "}", line
    return entries
