"""Every value of a file with its place in it, by the file's format. Pure.

A place is a tuple of keys and positions, as a JSON pointer is one. Files may be anybody's by the time they are read, so
no reader here is recursive without a limit, and no message shows a value.
"""

from __future__ import annotations

import base64
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping

import yaml

from iac.services import Format

Place = tuple[str | int, ...]
"""Keys and positions from the top of a file to a value."""

_ASSIGNMENT = re.compile(r"(?:export\s+)?([^=\s#][^=]*)=(.*)")
_SETTING = re.compile(r"\s*([^#=\s][^=]*?)\s*=\s*(.*?)\s*")
_DIRECTIVE = re.compile(r'\s*([A-Za-z]+)\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*')
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_MAX_DEPTH = 32


class Unreadable(Exception):
    """A file is not of its format; the message says what it is not."""


def parse_values(content: bytes, format_: Format) -> dict[Place, str]:
    """Every text in a file by its place; what is no text is left out where the format tells.

    Raises:
        Unreadable: it is not of the format.
    """
    try:
        return dict(_PARSERS[format_](content.decode()))
    except (ValueError, RecursionError, configparser.Error, yaml.YAMLError):
        raise Unreadable(f"this is no {format_} file") from None


def _walk(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if len(place) > _MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in entries:
            yield from _walk(item, (*place, key))


def _json(text: str) -> Iterator[tuple[Place, str]]:
    yield from _walk(json.loads(text))


def _toml(text: str) -> Iterator[tuple[Place, str]]:
    yield from _walk(tomllib.loads(text))


def _yaml(text: str) -> Iterator[tuple[Place, str]]:
    """By events: PyYAML's composer can be brought down by a file that is nested deeply."""
    place: list[str | int | None] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            place.pop()
            _advance(place)
        elif isinstance(event, yaml.CollectionStartEvent):
            place.append(None if isinstance(event, yaml.MappingStartEvent) else 0)
            if len(place) > _MAX_DEPTH:
                raise ValueError("too deep")
        elif isinstance(event, yaml.ScalarEvent):
            if place and place[-1] is None:
                place[-1] = event.value
                continue
            yield tuple(key for key in place if key is not None), event.value
            _advance(place)


def _advance(place: list[str | int | None]) -> None:
    """To the next entry: the position behind in a list, a key that is not known yet in a mapping."""
    if place:
        last = place[-1]
        place[-1] = last + 1 if isinstance(last, int) else None


def _kubernetes(text: str) -> Iterator[tuple[Place, str]]:
    for place, value in _yaml(text):
        yield place, base64.b64decode(value, validate=True).decode() if place[:1] == ("data",) else value


def _ini(text: str) -> Iterator[tuple[Place, str]]:
    parser = configparser.RawConfigParser(default_section="")
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys keep their case
    parser.read_string(text)
    for section in parser.sections():
        yield from (((section, key), value) for key, value in parser[section].items())


def _dotenv(text: str) -> Iterator[tuple[Place, str]]:
    for line in text.splitlines():
        if found := _ASSIGNMENT.fullmatch(line):
            name, value = found.groups()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            yield (name,), value[1:-1] if is_quoted else value


def _condor(text: str) -> Iterator[tuple[Place, str]]:
    for line in text.splitlines():
        if found := _SETTING.fullmatch(line):
            yield (found[1],), found[2]


def _dirac(text: str) -> Iterator[tuple[Place, str]]:
    sections: list[str] = []
    name = ""
    for line in (each.strip() for each in text.splitlines()):
        if line == "{":
            sections.append(name)
        elif line == "}":
            if not sections:
                raise ValueError("a section ends that never began")
            sections.pop()
        elif found := _SETTING.fullmatch(line):
            yield (*sections, found[1]), found[2]
        else:
            name = line


def _apache(text: str) -> Iterator[tuple[Place, str]]:
    for line in text.splitlines():
        if found := _DIRECTIVE.fullmatch(line):
            yield (found[1],), found[3] or re.sub(r"\\([\"\\])", r"\1", found[2] or "")


def _sql(text: str) -> Iterator[tuple[Place, str]]:
    """Each literal by its position."""
    for index, found in enumerate(_LITERAL.finditer(text)):
        yield (index,), found[1].replace("''", "'")


def _text(text: str) -> Iterator[tuple[Place, str]]:
    yield (), text


_PARSERS: Mapping[Format, Callable[[str], Iterator[tuple[Place, str]]]] = {
    Format.APACHE: _apache,
    Format.CONDOR: _condor,
    Format.DIRAC: _dirac,
    Format.DOTENV: _dotenv,
    Format.INI: _ini,
    Format.JSON: _json,
    Format.KUBERNETES: _kubernetes,
    Format.SQL: _sql,
    Format.TEXT: _text,
    Format.TOML: _toml,
    Format.YAML: _yaml,
}
