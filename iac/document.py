"""A YAML file as a value with the place of every key and value. Pure, but for `read_document`.

YAML 1.2 core schema, from a stream of parser events. PyYAML's own loader is not used: it crashes the process on deep
nesting, reads `NO` as false, and lets the second of two equal keys win. Its event streams (libyaml's, or the one in
Python where that is missing) have none of this. What makes a file say something else than it seems to (aliases, tags,
duplicate keys, ...) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from sys import intern
from typing import Any, ClassVar, NamedTuple

import yaml
from msgspec import Struct, field
from msgspec.structs import replace
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from iac.core.catalogue import mistake
from iac.core.errors import Diagnostic, Location
from iac.files import read

Pointer = tuple[str | int, ...]
"""Keys and indexes from the root to a value."""


class Marks(NamedTuple):
    """Where a key and its value begin (list items: the item, twice), and the same of what is in the value.

    That is by key or index; None for a plain value.
    """

    key: Any = None
    value: Any = None
    inside: Any = None


MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_BYTES = 256 * 1024
MAX_DIGITS = 18
MAX_MISTAKES = 100
"""No more mistakes than these are collected from one file."""

_Loader: Callable[[str], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAYBE_NUMBER = frozenset("0123456789+-.")
_QUOTE = "quote it if it is text"

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
"""Characters that an eye does not see or that reorder what it sees (Unicode TR 36); not line breaks and tabs."""


class ParsedText(Struct):
    """What a text of `file` holds. `is_whole` is False when reading had to stop; then nothing uses `value`.

    `faulty` are pointers of values that are not what was written: those of refused scalars, aliases and equal keys.
    """

    file: str = ""
    values: list[Any] = field(default_factory=list)
    place: Marks = Marks()
    mistakes: list[Diagnostic] = field(default_factory=list)
    faulty: list[Pointer] = field(default_factory=list)
    is_whole: bool = True

    @property
    def value(self) -> Any:
        """What the first document holds; None without one."""
        return self.values[0] if self.values else None


def _location(file: str, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)


class _Stop(Exception):
    """Going on is not possible."""


class YamlReader:
    """Builds the value while it reads; recursion is bounded by MAX_DEPTH. As it is, it reads files of a project.

    Attributes:
        max_bytes: of the largest file that is read.
        max_nodes: of values in one file.
        smaller: what to do with a file that has more.
        takes_all: whether a file may have several documents, and directives.
    """

    max_bytes: ClassVar[int] = MAX_BYTES
    max_nodes: ClassVar[int] = MAX_NODES
    smaller: ClassVar[str] = "write one client per file"
    takes_all: ClassVar[bool] = False

    def __init__(self, next_event: Callable[[], Any], parsed: ParsedText) -> None:
        self.next_event = next_event
        self.parsed = parsed
        self.nodes = 0

    def read(self) -> None:
        """Read the documents of the stream, as many as are taken."""
        self.next_event()  # the stream's start
        while (event := self.next_event()).__class__ is DocumentStartEvent and self._takes(event):
            event = self.next_event()
            value, places = self.node(event, ())
            self.parsed.values.append(value)
            self.parsed.place = Marks(event.start_mark, event.start_mark, places)
            self.next_event()  # the document's end

    def _takes(self, event: Any) -> bool:
        """Whether to read the document that begins."""
        if self.takes_all:
            return True
        if self.parsed.values:
            self.fault(event, "yaml-documents", "the file has a second document", fix="write one document per file")
            return False
        if event.version or event.tags:
            self.fault(event, "yaml-directive", "the file has a YAML directive", fix="delete the line with %")
        return True

    def fault(self, event: Any, rule: str, summary: str, *, why: str = "", fix: str = "") -> None:
        """Collect a mistake."""
        place = _location(self.parsed.file, event.start_mark)
        self.parsed.mistakes.append(mistake(rule, summary, place, why=why, fix=fix))
        if len(self.parsed.mistakes) >= MAX_MISTAKES:
            raise _Stop

    def node(self, event: Any, pointer: Pointer) -> tuple[Any, Mapping[str, Marks] | Sequence[Marks] | None]:
        """The value that begins with this event, and the places in it."""
        self.nodes += 1
        if self.nodes > self.max_nodes:
            self.fault(event, "yaml-too-large", f"the file has more than {self.max_nodes} values", fix=self.smaller)
            raise _Stop
        kind = event.__class__
        if kind is AliasEvent:
            self.alias(event)
            self.parsed.faulty.append(pointer)
            return None, None
        count = len(self.parsed.mistakes)
        if event.anchor or event.tag:
            self.properties(event)
        if kind is ScalarEvent:
            value = self.scalar(event)
            if len(self.parsed.mistakes) > count:
                self.parsed.faulty.append(pointer)
            return value, None
        if len(pointer) >= MAX_DEPTH:
            self.fault(event, "yaml-too-deep", f"the file is nested deeper than {MAX_DEPTH} levels", fix="flatten it")
            raise _Stop
        return self._mapping(pointer) if kind is MappingStartEvent else self._sequence(pointer)

    def alias(self, event: Any) -> None:
        """Refuse an alias."""
        self.fault(
            event, "yaml-alias", f"*{event.anchor} is an alias", why="aliases are not read", fix="write the value out"
        )

    def properties(self, event: Any) -> None:
        """Refuse anchors and tags."""
        if event.anchor:
            self.fault(
                event, "yaml-anchor", f"&{event.anchor} names a value", why="anchors are not read", fix="delete it"
            )
        if event.tag:
            self.fault(
                event, "yaml-tag", "the value has a tag", why="tags are not read", fix="delete what begins with !"
            )

    def scalar(self, event: Any) -> Any:
        """The value of a plain or quoted text."""
        text = event.value
        if not event.implicit[0]:
            if not text.isprintable() and (hidden := HIDDEN.search(text)):
                self.fault(
                    event,
                    "hidden-character",
                    f"the text has the invisible character U+{ord(hidden[0]):04X}",
                    why="a reviewer would not see it",
                    fix="delete it",
                )
            return text
        if text[:1] in _MAYBE_NUMBER:
            return self._number(event, text)
        return WORDS.get(text, text)

    def _number(self, event: ScalarEvent, text: str) -> Any:
        if len(text) > MAX_DIGITS and (_INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text)):
            self.fault(event, "yaml-number", f"the number has more than {MAX_DIGITS} digits", fix=_QUOTE)
            return None
        if _INT.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return self._finite(event, float(text))
        if _NO_NUMBER.fullmatch(text):
            return self._finite(event, float("inf"))
        return text

    def _finite(self, event: ScalarEvent, value: float) -> float | None:
        if value - value == 0:
            return value
        self.fault(event, "yaml-number", "the number is infinite, or not a number", fix=_QUOTE)
        return None

    def _mapping(self, pointer: Pointer) -> tuple[dict[str, Any], dict[str, Marks]]:
        value: dict[str, Any] = {}
        places: dict[str, Marks] = {}
        next_event = self.next_event
        while (event := next_event()).__class__ is not MappingEndEvent:
            key = self._key(event, pointer)
            inner = next_event()
            if key is None or key in value:
                if key is not None:
                    self.fault(
                        event,
                        "yaml-duplicate-key",
                        f"the key {key} is there twice",
                        why=f"it is on line {places[key].key.line + 1} already",
                        fix="delete one of them",
                    )
                    self.parsed.faulty.append((*pointer, key))
                self.node(inner, (*pointer, ""))  # its mistakes are reported
                continue
            value[key], below = self.node(inner, (*pointer, key))
            places[key] = Marks(event.start_mark, inner.start_mark, below)
        return value, places

    def _key(self, event: Any, pointer: Pointer) -> str | None:
        """The key, None when a key cannot be like that; its events are consumed."""
        if event.__class__ is ScalarEvent and not event.anchor and not event.tag:
            key = self.scalar(event)
            if key.__class__ is str:
                return intern(key)
            self.fault(
                event,
                "yaml-key",
                "the key is not text",
                fix=f'quote it: "{event.value}"' if event.value else "write the key before the colon",
            )
            return None
        self.fault(
            event,
            "yaml-key",
            "the key is not plain text",
            why="aliases, tags, lists and mappings cannot be keys",
            fix="write the key as text",
        )
        self.node(event, (*pointer, ""))
        return None

    def _sequence(self, pointer: Pointer) -> tuple[list[Any], list[Marks]]:
        value: list[Any] = []
        places: list[Marks] = []
        while (event := self.next_event()).__class__ is not SequenceEndEvent:
            item, below = self.node(event, (*pointer, len(value)))
            value.append(item)
            places.append(Marks(event.start_mark, event.start_mark, below))
        return value, places


def parse_yaml(
    text: str, loader: Callable[[str], Any] = _Loader, file: str = "", reader: type[YamlReader] = YamlReader
) -> ParsedText:
    """The one document of a text, with every mistake that can be found.

    Args:
        text: what the file holds.
        loader: makes an object with `get_event`; for the tests of the pure parser.
        file: its name, for the places of mistakes.
        reader: reads it.
    """
    parsed = ParsedText(file)
    try:
        reader(loader(text).get_event, parsed).read()
    except _Stop:
        parsed.is_whole = False
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        parsed.is_whole = False
        parsed.mistakes.append(_syntax_mistake(error, file))
    return parsed


def _syntax_mistake(error: Exception, file: str) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    place, fix = Location(file, line, column), "check indentation, colons and quotes"
    return mistake(
        "yaml-syntax", "invalid YAML", place, why=f"{context}: {problem}" if context else str(problem), fix=fix
    )


class Document(Struct, frozen=True):
    """One file.

    Attributes:
        file: path relative to the project, with `/`.
        content: its bytes.
        value: what it holds: dict, list, str, int, float, bool, None.
        place: where it begins, and the places in it.
        faulty: pointers of values that are refused as YAML and read as something else, such as an alias.
        base: pointer of the value in its file.
    """

    file: str
    value: Any
    content: bytes = b""
    place: Marks = Marks()
    faulty: tuple[Pointer, ...] = ()
    base: Pointer = ()

    def is_faulty(self, pointer: Pointer) -> bool:
        """Whether a value, or one that it lies in, was refused as YAML."""
        whole = (*self.base, *pointer)
        return any(whole[: len(faulty)] == faulty for faulty in self.faulty)

    def part(self, pointer: Pointer, value: Any) -> Document:
        """A value of the document as a document of its own; `value` takes its place."""
        return replace(self, value=value, base=(*self.base, *pointer))

    def has(self, *pointer: str | int) -> bool:
        """Whether the file has this key or item."""
        return self._find(pointer)[1]

    def at(self, *pointer: str | int) -> Location:
        """Where a value begins; that of the closest parent when there is none."""
        return _location(self.file, self._find(pointer)[0].value)

    def at_key(self, *pointer: str | int) -> Location:
        """Where a key begins; that of the closest parent when there is none."""
        return _location(self.file, self._find(pointer)[0].key)

    def _find(self, pointer: Pointer) -> tuple[Marks, bool]:
        """The place of a value or of its closest parent, and whether it is the value's."""
        place = self.place
        for key in (*self.base, *pointer):
            try:
                place = place.inside[key]
            except (LookupError, TypeError):
                return place, False
        return place, True


def read_document(root: Path, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Read a file of the project.

    Returns:
        The document, None when it could not be read as a whole, and every mistake found on the way.
    """
    try:
        content = read(root / file, MAX_BYTES + 1)
    except OSError as error:
        return None, [
            mistake(
                "file-unreadable",
                "the file cannot be read",
                Location(file),
                why=f"{error.strerror or error}; a definition that cannot be read is never taken for a removed one",
                fix="correct its permissions, or delete it",
            )
        ]
    return parse_document(content, file)


def parse_document(
    content: bytes, file: str, reader: type[YamlReader] = YamlReader
) -> tuple[Document | None, list[Diagnostic]]:
    """The document in these bytes; as `read_document`."""
    if len(content) > reader.max_bytes:
        summary = f"the file is larger than {reader.max_bytes // 1024} KiB"
        return None, [mistake("file-too-large", summary, Location(file), fix=reader.smaller)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = content.count(b"\n", 0, error.start) + 1, error.start - content.rfind(b"\n", 0, error.start)
        summary, place = f"byte {error.start + 1} is not UTF-8", Location(file, line, column)
        return None, [mistake("not-utf8", summary, place, fix="save the file as UTF-8")]
    # quick, and true of most files: then there is nothing to look for
    matches = () if text.replace("\n", "").isprintable() else HIDDEN.finditer(text)
    hidden = [
        mistake(
            "hidden-character",
            f"the file has the invisible character U+{ord(match[0]):04X}",
            Location(file, text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())),
            why="a reviewer would see something else than iac applies",
            fix="delete it",
        )
        for match in matches
        if not text.startswith("\r\n", match.start())
    ]
    return (None, hidden[:20]) if hidden else _parsed(content, text, file, reader)


def _parsed(content: bytes, text: str, file: str, reader: type[YamlReader]) -> tuple[Document | None, list[Diagnostic]]:
    parsed = parse_yaml(text, file=file, reader=reader)
    if parsed.is_whole and parsed.value is not None:
        return Document(file, parsed.value, content, parsed.place, tuple(parsed.faulty)), parsed.mistakes
    if parsed.is_whole and not parsed.mistakes:
        return None, [
            mistake("file-empty", "the file holds nothing", Location(file), fix="write into it, or delete it")
        ]
    return None, parsed.mistakes
