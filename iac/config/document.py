"""A YAML file as a value with the place of every key and value. Pure, but for `read_document`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iac.config.catalogue import mistake
from iac.config.event import HIDDEN, Place, Pointer, parse_yaml
from iac.core.diagnostics import Diagnostic, Location
from iac.files import read

MAX_BYTES = 256 * 1024
"""Largest file that is read."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file.

    Attributes:
        file: path relative to the project, with `/`.
        value: what it holds: dict, list, str, int, float, bool, None.
        places: pointer -> where its key (list items: the item) and where its value begin.
        faulty: pointers of values that are refused as YAML and read as something else, such as an alias.
    """

    file: str
    value: Any
    places: Mapping[Pointer, Place]
    faulty: tuple[Pointer, ...] = ()

    def is_faulty(self, pointer: Pointer) -> bool:
        """Whether a value, or one that it lies in, was refused as YAML."""
        return any(pointer[: len(faulty)] == faulty for faulty in self.faulty)

    def at(self, *pointer: str | int) -> Location:
        """Where a value begins; that of the closest parent when there is none."""
        return self._locate(pointer, 2)

    def at_key(self, *pointer: str | int) -> Location:
        """Where a key begins; that of the closest parent when there is none."""
        return self._locate(pointer, 0)

    def _locate(self, pointer: Pointer, index: int) -> Location:
        while pointer and pointer not in self.places:
            pointer = pointer[:-1]
        place = self.places.get(pointer, (1, 1, 1, 1))
        return Location(self.file, place[index], place[index + 1])


def read_document(root: Path, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Read a file of the project.

    Returns:
        The document, None when it could not be read as a whole, and every mistake found on the way.
    """
    try:
        content = read(root / file, MAX_BYTES + 1)
    except OSError as error:
        why = f"{error.strerror or error}; a definition that cannot be read is never taken for a removed one"
        return None, [mistake("file-unreadable", "the file cannot be read", Location(file), why=why)]
    return parse_document(content, file)


def parse_document(content: bytes, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """The document in these bytes; as `read_document`."""
    if len(content) > MAX_BYTES:
        summary = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return None, [mistake("file-too-large", summary, Location(file), fix="one client a file")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        summary = f"byte {error.start + 1} is not UTF-8"
        return None, [mistake("not-utf8", summary, Location(file, line, column), fix="save the file as UTF-8")]
    hidden = _hidden(text, file)
    if hidden:
        return None, hidden
    return _parsed(text, file)


def _hidden(text: str, file: str) -> list[Diagnostic]:
    return [_hidden_at(text, match, file) for match in HIDDEN.finditer(text) if not _is_line_end(text, match)][:20]


def _is_line_end(text: str, match: re.Match[str]) -> bool:
    return match[0] == "\r" and text[match.end() : match.end() + 1] == "\n"


def _hidden_at(text: str, match: re.Match[str], file: str) -> Diagnostic:
    line = text.count("\n", 0, match.start()) + 1
    column = match.start() - text.rfind("\n", 0, match.start())
    return mistake(
        "hidden-character",
        f"the file has the invisible character U+{ord(match[0]):04X}",
        Location(file, line, column),
        why="what a reviewer sees would not be what is applied",
        fix="delete it",
    )


def _parsed(text: str, file: str) -> tuple[Document | None, list[Diagnostic]]:
    found = parse_yaml(text, file=file)
    diagnostics = found.mistakes
    if not found.is_whole:
        return None, diagnostics
    if found.value is None:
        empty = mistake("file-empty", "the file holds nothing", Location(file), fix="write into it, or delete it")
        return None, diagnostics or [empty]
    return Document(file, found.value, found.places, tuple(found.faulty)), diagnostics
