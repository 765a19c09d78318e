"""Writing the server's values into a definition: comments kept, only these fields touched, as before when in doubt."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iac.config.complaint import check_schema
from iac.config.definitions import validate_project
from iac.config.document import Document, parse_document
from iac.config.edit.files import replace_text
from iac.config.edit.splice import Unwritable, is_set, spliced
from iac.config.layers import PLUS
from iac.config.tree import read_tree
from iac.core.desired import OWNERS
from iac.core.diagnostics import Location, Severity
from iac.core.errors import InputError
from iac.core.limits import listed
from iac.core.model import FIELDS, GRANT_TYPES, Kind, Value
from iac.core.server import canonical_jwks

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a definition as it was when it was looked at."""

    file: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Edit:
    """A definition with other values: its text, and where each field stands in it."""

    source: Source
    text: str
    places: Mapping[str, Location]


def read_sources(root: Path, addresses: Collection[str]) -> dict[str, Source]:
    """The files of definitions by address; those that are not there are left out."""
    files = read_tree(root).definitions
    return {
        address: Source(files[address], (root / files[address]).read_bytes())
        for address in addresses
        if address in files
    }


def make_edit(source: Source, environment: str, values: Mapping[str, Value | None]) -> Edit:
    """The definition with these values (`iac.config.edit.splice`); nothing is written.

    Raises:
        InputError: the values cannot be written without touching something else, or no definition may have them.
    """
    before, _ = parse_document(source.content, source.file)
    plain = source.content.decode("utf-8-sig")
    try:
        text = spliced(plain, environment, values)
    except Unwritable as error:
        raise _by_hand(source.file, values, str(error)) from error
    after, mistakes = parse_document(text.encode(), source.file)
    if before is None or after is None or mistakes:
        raise _by_hand(source.file, values, listed((each.summary for each in mistakes), "; "))
    pointers = {name: _pointer(after, environment, name) for name in values}
    if not _is_as_meant(before, after, pointers, values) or not _comments(plain) <= _comments(text):
        raise _by_hand(source.file, values, "its form does not let them be replaced with all else as it is")
    complaints = [said.summary for _, said in check_schema(after, "client")]
    if complaints:
        raise _by_hand(source.file, values, listed(complaints, "; "))
    bom = _BOM if source.content.decode().startswith(_BOM) else ""
    return Edit(source, bom + text, {name: after.at_key(*pointer) for name, pointer in pointers.items()})


def write_edits(root: Path, edits: Iterable[Edit]) -> None:
    """Put each edit in the place of its file, if the project is valid with it.

    Raises:
        InputError: a file has changed since it was looked at or cannot be written, or its definition would have
            mistakes; it is as before.
    """
    for edit in edits:
        path = root / edit.source.file
        if not path.is_file() or path.read_bytes() != edit.source.content:
            raise InputError(
                "the definition has changed meanwhile, it is not written", where=edit.source.file, fix="run it again"
            )
        replace_text(path, edit.text)
        found = validate_project(root, [edit.source.file]).diagnostics
        wrong = [each.summary for each in found if each.severity is Severity.ERROR]
        if wrong:
            replace_text(path, edit.source.content.decode())
            raise _by_hand(edit.source.file, edit.places, listed(wrong, "; "))


def _by_hand(file: str, names: Iterable[str], why: str) -> InputError:
    return InputError(
        "the server's values cannot be written into the definition, it is as before",
        where=f"{file}: {', '.join(names)}",
        why=why,
        fix="write them by hand, or let `iac apply` make the client as defined",
    )


def _pointer(document: Document, environment: str, name: str) -> tuple[str, ...]:
    overlay = ("environments", environment, name)
    return overlay if overlay in document.places else (name,)


def _is_as_meant(
    before: Document, after: Document, pointers: Mapping[str, tuple[str, ...]], values: Mapping[str, Value | None]
) -> bool:
    """Whether the fields are as wanted, and all else is as it was."""
    wanted = all(_meaning(name, _at(after.value, pointers[name])) == _canonical(name, values[name]) for name in values)
    one, other = (_without(document.value, pointers.values()) for document in (before, after))
    return wanted and one == other


def _at(value: Any, pointer: tuple[str, ...]) -> Any:
    for key in pointer:
        value = value.get(key)
    return value


def _without(value: Any, pointers: Iterable[tuple[str, ...]], at: tuple[str, ...] = ()) -> Any:
    if not isinstance(value, dict):
        return value
    gone = {(*pointer[:-1], pointer[-1] + sign) for pointer in pointers for sign in ("", PLUS)}
    return {key: _without(item, pointers, (*at, key)) for key, item in value.items() if (*at, key) not in gone}


def _canonical(name: str, value: Value | None) -> Any:
    if is_set(name):
        return set(value) if isinstance(value, tuple) else set()
    return bool(value) if name in FIELDS and FIELDS[name].kind is Kind.FLAG else value


def _meaning(name: str, value: Any) -> Any:
    if is_set(name):
        entries = value.split() if isinstance(value, str) else value or ()
        grants = GRANT_TYPES if name == "grant_types" else {}
        return {grants.get(entry, entry.lower() if name == OWNERS else entry) for entry in entries}
    if FIELDS[name].kind is Kind.JWKS and value is not None:
        return canonical_jwks(json.dumps(value))
    return value


def _comments(text: str) -> set[str]:
    """Comments in lines of their own."""
    return {line.strip() for line in text.splitlines() if line.lstrip().startswith("#")}
