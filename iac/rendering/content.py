"""What stands in a rendered file: every value with its place, and the credentials among them. Pure.

A place is a tuple of keys and positions, as a JSON pointer is one. Files may be anybody's by the time they are read, so
no reader here is recursive without a limit, and no message shows a value.

Where credentials stand follows from the template: it is rendered with marks in their place, and the marks are looked
up. So nobody keeps a list of places by hand, a template of the project is read like a built-in, and no key of the state
is needed. In a format that nothing here knows, a value is what stands between the template's own text around it.
"""

from __future__ import annotations

import base64
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.core.desired import OutputSpec
from iac.core.limits import OUTPUT_BYTES
from iac.core.secret import Secret
from iac.document import YamlReader, parse_yaml
from iac.rendering.context import Credentials, ProjectFacts, dummy_key
from iac.rendering.engine import render
from iac.rendering.template import Template
from iac.services import Format, template_files, template_format

Place = tuple[str | int, ...]
"""Keys and positions from the top of a file to a value."""

_ASSIGNMENT = re.compile(r"(?:export\s+)?([^=\s#][^=]*)=(.*)")
_SETTING = re.compile(r"\s*([^#=\s][^=]*?)\s*=\s*(.*?)\s*")
_DIRECTIVE = re.compile(r'\s*([A-Za-z]+)\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*')
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_MAX_DEPTH = 32


class MalformedContent(Exception):
    """A file is not of its format; the message says what it is not."""


def parse_values(content: bytes, format_: Format) -> dict[Place, str]:
    """Every text in a file by its place; values of other types are left out where the format tells them apart.

    Raises:
        MalformedContent: it is not of the format.
    """
    try:
        return dict(_PARSERS[format_](content.decode()))
    except (ValueError, RecursionError, configparser.Error):
        raise MalformedContent(f"this is not a file in the format {format_}") from None


def _walk(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if len(place) > _MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(item, (*place, key))


class _TextReader(YamlReader):
    """Reads what a program will read: every scalar is text, and a file may have several documents, anchors and tags."""

    max_nodes = OUTPUT_BYTES
    takes_all = True

    def alias(self, event: Any) -> None:
        """An alias is not followed: no value of a client stands there."""

    def properties(self, event: Any) -> None:
        """Programs know anchors and tags."""

    def scalar(self, event: Any) -> str:
        """Its text."""
        return str(event.value)


def _yaml(text: str) -> Iterator[tuple[Place, str]]:
    parsed = parse_yaml(text, reader=_TextReader)
    if parsed.mistakes:
        raise ValueError(parsed.mistakes[0].summary)
    for document in parsed.values:
        yield from _walk(document)


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
        if match := _ASSIGNMENT.fullmatch(line):
            name, value = match.groups()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            yield (name,), value[1:-1] if is_quoted else value


def _condor(text: str) -> Iterator[tuple[Place, str]]:
    for line in text.splitlines():
        if match := _SETTING.fullmatch(line):
            yield (match[1],), match[2]


def _dirac(text: str) -> Iterator[tuple[Place, str]]:
    sections: list[str] = []
    name = ""
    for line in (line.strip() for line in text.splitlines()):
        if line == "{":
            sections.append(name)
        elif line == "}":
            if not sections:
                raise ValueError("a section ends that never began")
            sections.pop()
        elif match := _SETTING.fullmatch(line):
            yield (*sections, match[1]), match[2]
        else:
            name = line


def _apache(text: str) -> Iterator[tuple[Place, str]]:
    for line in text.splitlines():
        if match := _DIRECTIVE.fullmatch(line):
            yield (match[1],), match[3] or re.sub(r"\\([\"\\])", r"\1", match[2] or "")


def _sql(text: str) -> Iterator[tuple[Place, str]]:
    """Each literal by its position."""
    for index, match in enumerate(_LITERAL.finditer(text)):
        yield (index,), match[1].replace("''", "'")


_PARSERS: Mapping[Format, Callable[[str], Iterator[tuple[Place, str]]]] = {
    Format.APACHE: _apache,
    Format.CONDOR: _condor,
    Format.DIRAC: _dirac,
    Format.DOTENV: _dotenv,
    Format.INI: _ini,
    Format.JSON: lambda text: _walk(json.loads(text)),
    Format.KUBERNETES: _kubernetes,
    Format.SQL: _sql,
    Format.TEXT: lambda text: iter([((), text)]),
    Format.TOML: lambda text: _walk(tomllib.loads(text)),
    Format.YAML: _yaml,
}


_BY_ENDING = {
    ".env": Format.DOTENV,
    ".ini": Format.INI,
    ".json": Format.JSON,
    ".sql": Format.SQL,
    ".toml": Format.TOML,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}
_BARE = re.compile(r"[A-Za-z0-9._~:/@+=-]+")
"""Characters that mean themselves in every format: a value of others could be quoted, and nobody here knows how."""

_NOT_BACK = "its template makes of a value what cannot be read back"


class ContentMismatch(Exception):
    """A file is not what its template makes; the message holds nothing of it."""


@dataclass(frozen=True, slots=True)
class FileCredentials:
    """What a file holds of one client; None for what its template does not print.

    Attributes:
        key: the private key as a JWK; None, too, where none is read back.
        format: by which rules it was read; TEXT for what stands between the template's own text.
    """

    client_id: str | None
    client_secret: Secret | None
    format: Format = field(default=Format.TEXT, compare=False)
    key: Secret | None = None


class _Placeholder(Struct, frozen=True):
    """Stands for the id or the secret of a client."""

    address: str
    is_secret: bool
    text: str


Values = dict[_Placeholder, str]


def output_format(spec: OutputSpec) -> Format | None:
    """The format of an output: that of its built-in template, else by the ending of its path; None for any other."""
    if spec.template in template_files():
        return template_format(spec.template)
    path = PurePosixPath(spec.path)
    return _BY_ENDING.get(path.suffix or path.name)


def read_credentials(
    content: bytes, template: Template, spec: OutputSpec, clients: Mapping[str, Credentials], facts: ProjectFacts
) -> dict[str, FileCredentials]:
    """Id and secret of each client in the file of an output, by the client's address. A private key is not read back.

    Args:
        content: the file.
        template: the template that `spec` names.
        spec: the output.
        clients: its clients by address; of their secrets and keys only whether they have one is looked at, and its id.
        facts: the project.

    Raises:
        RenderError: the template cannot be rendered.
        MalformedContent: a value cannot be read back from what the template makes of it.
        ContentMismatch: the file is not as its template makes it. The message holds nothing of it.
    """

    def render_marked(kind: str) -> tuple[list[_Placeholder], str]:
        marks = _marks(spec, clients, kind)
        return marks, render(template, spec, _marked_clients(clients, marks, kind), facts).decode()

    (marks, marked), others = render_marked("a"), render_marked("b")
    if _without_marks(marks, marked) != _without_marks(*others):
        raise MalformedContent(_NOT_BACK)
    format_ = output_format(spec)
    places = _places(marks, marked, format_) if format_ not in {None, Format.TEXT} else None
    if format_ is None or places is None:
        return _file_credentials(spec, _from_text(marks, marked, content), Format.TEXT)
    try:
        values = parse_values(content, format_)
    except MalformedContent as error:
        raise ContentMismatch(str(error)) from None
    return _file_credentials(spec, {mark: place.read(values, mark, marks) for mark, place in places.items()}, format_)


def _marks(spec: OutputSpec, clients: Mapping[str, Credentials], kind: str) -> list[_Placeholder]:
    """Of the length and alphabet of our secrets, so that they are quoted in the same way."""
    marks = []
    for index, address in enumerate(spec.clients):
        marks.append(_Placeholder(address, is_secret=False, text=f"iac-mark-{kind}{index}-id"))
        if clients[address].secret is not None:
            text = f"iac-mark-{kind}{index}-secret-0123456789abcdefghijklmn"
            marks.append(_Placeholder(address, is_secret=True, text=text))
    return marks


def _marked_clients(
    clients: Mapping[str, Credentials], marks: Sequence[_Placeholder], kind: str
) -> dict[str, Credentials]:
    """The clients with marks, and a private key of the kind: where one is printed, two renderings are not alike."""
    ids = {mark.address: mark.text for mark in marks if not mark.is_secret}
    secrets = {mark.address: Secret(mark.text) for mark in marks if mark.is_secret}
    keys = {
        at: dummy_key(str(json.loads(client.key.reveal())["jwk"]["kid"]), kind)
        for at, client in clients.items()
        if client.key is not None
    }
    return {at: replace(clients[at], client_id=ids[at], secret=secrets.get(at), key=keys.get(at)) for at in ids}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _without_marks(marks: Sequence[_Placeholder], text: str) -> str:
    """The text without its marks: what is left of two renderings differs where something was made of a mark."""
    for mark in marks:
        text = text.replace(mark.text, "").replace(_encoded(mark.text), "")
    return text


class _Value(Struct, frozen=True):
    """A value of the marked file: its place, its text, and how what stands there is decoded."""

    place: Place
    marked: str
    decode: Callable[[str], str] = str

    def read(self, values: Mapping[Place, str], mark: _Placeholder, marks: Sequence[_Placeholder]) -> str:
        """What stands in another file where this value has the mark."""
        shown = "/".join(map(str, self.place))
        if self.place not in values:
            raise ContentMismatch(f"it has no {shown}")
        between = _values_between(marks, self.marked, self.decode(values[self.place]))
        if between is None:
            raise ContentMismatch(f"{shown} is not as its template makes it")
        return between[mark]


def _places(marks: Sequence[_Placeholder], marked: str, format_: Format) -> dict[_Placeholder, _Value] | None:
    """Where the marks stand; None when one is in the text and in no value, as in a comment or a name."""
    try:
        values = parse_values(marked.encode(), format_)
    except MalformedContent:
        return None
    places: dict[_Placeholder, _Value] = {}
    for mark in marks:
        value = next(_values_with(values, mark.text), None)
        if value is not None:
            places[mark] = value
        elif mark.text in marked or _encoded(mark.text) in marked:
            return None
    return places


def _values_with(values: Mapping[Place, str], mark: str) -> Iterator[_Value]:
    """Whole values first, then those in base64, then parts of values."""
    yield from (_Value(place, text) for place, text in values.items() if text == mark)
    yield from (_Value(place, mark, _decoded) for place, text in values.items() if text == _encoded(mark))
    yield from (_Value(place, text) for place, text in values.items() if mark in text)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise ContentMismatch("a value in it is not base64") from None


def _from_text(marks: Sequence[_Placeholder], marked: str, content: bytes) -> Values:
    if any(_encoded(mark.text) in marked for mark in marks):
        raise MalformedContent(_NOT_BACK)
    try:
        values = _values_between(marks, marked, content.decode())
    except UnicodeDecodeError:
        raise ContentMismatch("it is not text in UTF-8") from None
    if values is None:
        raise ContentMismatch("it is not as its template makes it")
    if not all(_BARE.fullmatch(value) for value in values.values()):
        raise MalformedContent(_NOT_BACK)
    return values


def _values_between(marks: Sequence[_Placeholder], marked: str, text: str) -> Values | None:
    """What stands in a text where marks stand in the marked one; None when the rest of the two differs.

    A text without marks is not compared: nothing of it is wanted.
    """
    names = {mark.text: f"v{number}" for number, mark in enumerate(marks) if mark.text in marked}
    if not names:
        return {}
    used: set[str] = set()
    parts = re.split("|".join(f"({re.escape(name)})" for name in names), marked)
    match = re.fullmatch("".join(_part(part, names, used) for part in parts if part is not None), text)
    return match and {mark: match[names[mark.text]] for mark in marks if mark.text in names}


def _part(part: str, names: Mapping[str, str], used: set[str]) -> str:
    name = names.get(part)
    if name is None:
        return re.escape(part)
    if name in used:
        return f"(?P={name})"
    used.add(name)
    return rf"(?P<{name}>[^\r\n]+?)"


def _file_credentials(spec: OutputSpec, values: Values, format_: Format) -> dict[str, FileCredentials]:
    ids = {mark.address: value for mark, value in values.items() if not mark.is_secret}
    secrets = {mark.address: Secret(value) for mark, value in values.items() if mark.is_secret}
    return {at: FileCredentials(ids.get(at), secrets.get(at), format_) for at in spec.clients}
