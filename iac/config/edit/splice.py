"""Fields of a definition replaced in its text, and the file replaced: the rest stays as it is, to the letter.

Entries of a list in lines of its own come and go by their lines, other values from their first character to their last.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from msgspec import Struct

from iac.config.complaint import check_schema
from iac.config.definitions import validate_project
from iac.config.edit.files import replace_text, split_marks
from iac.config.layers import PLUS
from iac.config.tree import read_tree
from iac.core.desired import OWNERS
from iac.core.errors import InputError, Location, Severity
from iac.core.model import EXTRA, FIELDS, GRANT_TYPES, Kind, Value, canonical_json, field_of, short_grant
from iac.core.server import canonical_jwks
from iac.core.text import listed
from iac.document import Document, parse_document

_PLAIN_WORD = (
    r"(?:[A-Za-z_/][A-Za-z0-9_./@+~:?&=%-]*[A-Za-z0-9_/]|[A-Za-z]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)
_PLAIN = re.compile(f"{_PLAIN_WORD}(?: {_PLAIN_WORD})*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_Entry = tuple[yaml.ScalarNode, yaml.Node]


class SpliceError(Exception):
    """A field whose place in the text is not clear; the message says why."""


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


def is_set(name: str) -> bool:
    """Whether a field is a set of texts."""
    return name == OWNERS or field_of(name).kind is Kind.SET


def _path(name: str) -> tuple[str, ...]:
    """Where a field stands in a definition, or in its overlay of an environment."""
    return ("extra", name.removeprefix(EXTRA)) if name.startswith(EXTRA) else (name,)


def splice_text(text: str, environment: str, values: Mapping[str, Value | None]) -> str:
    """The text of a definition with other values of fields.

    A field is written where it stands: in the overlay of the environment, else at the top; one that is nowhere is added
    at the top. Where `name+` adds to what others say, it becomes `name` with the whole value.

    Args:
        text: a valid definition.
        environment: whose overlay counts.
        values: field -> canonical value, None for empty.

    Raises:
        SpliceError: a field cannot be replaced.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise SpliceError("it is not a mapping")
    splices: list[_Splice] = []
    added = ""
    for name, value in values.items():
        *above, key = _path(name)
        layers = (_below(root, "environments", environment), root)
        entry = next((entry for layer in layers if (entry := _single_entry(_below(layer, *above), key))), None)
        if entry is not None:
            splices += _key(entry[0], name)
            splices += _value(text, entry, name, value)
        elif name.startswith(EXTRA):
            raise SpliceError(f"{name} is not in this file: add {_path(name)[-1]}: {value or 'null'} under extra")
        else:
            added += _new_key(root, name, value, _line_end(text))
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    if not added:  # new keys come first in a flow mapping, last in a block
        return text
    if root.flow_style:
        start = root.start_mark.index + 1
        return text[:start] + added + text[start:]
    start, inner, end = split_marks(text)
    return start + inner + ("" if inner.endswith("\n") else _line_end(text)) + added + end


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _new_key(root: yaml.MappingNode, name: str, value: Value | None, line_end: str) -> str:
    if root.flow_style:
        return f'"{name}": {_flow(name, value, is_quoted=True)}, '
    return f"{' ' * root.start_mark.column}{name}: {_flow(name, value, is_quoted=False)}{line_end}"


def _below(node: yaml.Node | None, *keys: str) -> yaml.Node | None:
    for key in keys:
        node = next((value for at, value in _entries(node) if at.value == key), None)
    return node


def _entries(node: yaml.Node | None) -> Iterator[_Entry]:
    yield from node.value if isinstance(node, yaml.MappingNode) else ()


def _single_entry(mapping: yaml.Node | None, name: str) -> _Entry | None:
    entries = [entry for entry in _entries(mapping) if entry[0].value in {name, name + PLUS}]
    if len(entries) > 1:
        raise SpliceError(f"{name} and {name}{PLUS} stand side by side")
    return entries[0] if entries else None


def _key(key: yaml.ScalarNode, name: str) -> Iterator[_Splice]:
    if key.value not in {name, _path(name)[-1]}:
        yield _Splice(key.start_mark.index, key.end_mark.index, json.dumps(name) if key.style else name)


def _value(text: str, entry: _Entry, name: str, value: Value | None) -> Iterator[_Splice]:
    key, node = entry
    is_block = isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value
    if is_block and is_set(name) and isinstance(value, tuple) and value:
        yield from _block(text, node, name, value)
        return
    start, end = node.start_mark.index, end_of(node, text)
    is_quoted = any(part.style in {'"', "'"} for part in (key, node, *_children(node)) if hasattr(part, "style"))
    new = _flow(name, value, is_quoted=is_quoted, node=node)
    is_below = node.start_mark.line > key.start_mark.line
    is_outside = is_below and node.start_mark.column <= key.start_mark.column
    yield _Splice(start, end, f"  {new}" if is_outside else f" {new}" if text[start - 1] == ":" else new)


def _children(node: yaml.Node) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else []


def end_of(node: yaml.Node, text: str) -> int:
    """Behind the last character of a value; comments and blank lines below it are not its own."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        entry = node.value[-1]
        return end_of(entry[1] if isinstance(entry, tuple) else entry, text)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _block(text: str, node: yaml.Node, name: str, value: tuple[str, ...]) -> Iterator[_Splice]:
    """Entries that stay keep their lines; new ones come after the last of these."""
    indent = _line_end(text) + " " * node.start_mark.column
    remaining: dict[str, yaml.Node] = {}
    removed: list[yaml.Node] = []
    for item in node.value:
        entry = _entry_meant(name, item.value)
        if entry in value and entry not in remaining:
            remaining[entry] = item
        else:
            removed.append(item)
    is_quoted = any(item.style in {'"', "'"} for item in node.value)
    new = [f"- {_spelled(name, entry, is_quoted=is_quoted)}" for entry in value if entry not in remaining]
    if not remaining:
        yield _Splice(node.start_mark.index, end_of(node, text), indent.join(new))
        return
    for item in removed:
        start = text.rfind("\n", 0, item.start_mark.index) + 1
        yield _Splice(start, _next_line(text, end_of(item, text)), "")
    end = end_of(list(remaining.values())[-1], text)
    at = end + len(text[end : _next_line(text, end)].rstrip("\r\n"))
    yield _Splice(at, at, "".join(f"{indent}{entry}" for entry in new))


def _next_line(text: str, index: int) -> int:
    line_end = text.find("\n", index)
    return len(text) if line_end < 0 else line_end + 1


def _entry_meant(name: str, entry: str) -> str:
    """An entry as it is compared: grant types by their wire names, account ids in lower case."""
    return GRANT_TYPES.get(entry, entry) if name == "grant_types" else entry.lower() if name == OWNERS else entry


def _flow(name: str, value: Value | None, *, is_quoted: bool, node: yaml.Node | None = None) -> str:
    if is_set(name):
        return _flow_set(name, value if isinstance(value, tuple) else (), is_quoted=is_quoted, node=node)
    if isinstance(value, str):
        is_json = field_of(name).kind in {Kind.JWKS, Kind.JSON}
        return value if is_json else scalar_text(value, is_quoted=is_quoted)
    empty = False if field_of(name).kind is Kind.FLAG else None
    return json.dumps(empty if value is None else value)


def _flow_set(name: str, value: tuple[str, ...], *, is_quoted: bool, node: yaml.Node | None) -> str:
    """Entries in the order in which they stand, new ones after them; one text of many words stays one."""
    is_text = isinstance(node, yaml.ScalarNode) and bool(node.value) and node.value != "null"
    before = node.value.split() if node and is_text else [item.value for item in _children(node)] if node else []
    rank = {_entry_meant(name, entry): index for index, entry in enumerate(before)}
    entries = sorted(value, key=lambda entry: (rank.get(entry, len(rank)), entry))
    if is_text and entries:
        return scalar_text(" ".join(short_grant(entry) for entry in entries), is_quoted=is_quoted)
    return f"[{', '.join(_spelled(name, entry, is_quoted=is_quoted) for entry in entries)}]"


def _spelled(name: str, entry: str, *, is_quoted: bool) -> str:
    return scalar_text(short_grant(entry) if name == "grant_types" else entry, is_quoted=is_quoted)


def scalar_text(text: str, *, is_quoted: bool = False) -> str:
    """Plain where no parser could take it for something else, else in double quotes as JSON writes it."""
    is_plain = not is_quoted and _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=False)


class DefinitionFile(Struct, frozen=True):
    """The file of a definition as it was when it was looked at."""

    file: str
    content: bytes


class Edit(Struct, frozen=True):
    """A definition with other values.

    Attributes:
        places: where each of the fields stands in the text.
        overlays: the fields that an environment has for itself, by its name.
        environment: for which they were written.
    """

    source: DefinitionFile
    text: str
    places: Mapping[str, Location]
    overlays: Mapping[str, Collection[str]]
    environment: str

    def reach(self, name: str, environments: Iterable[str]) -> tuple[str, ...]:
        """Those of the environments for which a field was written."""
        if name in self.overlays.get(self.environment, ()):
            return (self.environment,)
        return tuple(environment for environment in environments if name not in self.overlays.get(environment, ()))


def read_sources(root: Path, addresses: Collection[str]) -> dict[str, DefinitionFile]:
    """The files of definitions by address; those that are not there are left out."""
    files = read_tree(root).definitions
    return {
        address: DefinitionFile(files[address], (root / files[address]).read_bytes())
        for address in addresses
        if address in files
    }


def make_edit(source: DefinitionFile, environment: str, values: Mapping[str, Value | None]) -> Edit:
    """The definition with these values (`iac.config.edit.splice`); nothing is written.

    Raises:
        InputError: the values cannot be written without touching something else, or no definition may have them.
    """
    before, _ = parse_document(source.content, source.file)
    plain = source.content.decode("utf-8-sig")
    try:
        text = splice_text(plain, environment, values)
    except SpliceError as error:
        raise _by_hand(source.file, values, str(error)) from error
    after, mistakes = parse_document(text.encode(), source.file)
    if before is None or after is None or mistakes:
        raise _by_hand(source.file, values, listed((diagnostic.summary for diagnostic in mistakes), "; "))
    overlays = {name: ("environments", environment, *_path(name)) for name in values}
    pointers = {name: overlay if after.has(*overlay) else _path(name) for name, overlay in overlays.items()}
    if not _is_as_meant(before, after, pointers, values) or not _comments(plain) <= _comments(text):
        raise _by_hand(source.file, values, "iac cannot replace them without changing other lines")
    if complaints := [diagnostic.summary for _, diagnostic in check_schema(after, "client")]:
        raise _by_hand(source.file, values, listed(complaints, "; "))
    bom = "\ufeff" if source.content.startswith(BOM_UTF8) else ""
    places = {name: after.at_key(*pointer) for name, pointer in pointers.items()}
    environments = after.value.get("environments") or {}
    own = {at: [name for name in values if after.has("environments", at, *_path(name))] for at in environments}
    return Edit(source, bom + text, places, own, environment)


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
        diagnostics = validate_project(root, [edit.source.file]).diagnostics
        if wrong := [diagnostic.summary for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]:
            replace_text(path, edit.source.content.decode())
            raise _by_hand(edit.source.file, edit.places, listed(wrong, "; "))


def _by_hand(file: str, names: Iterable[str], why: str) -> InputError:
    return InputError(
        "the server's values cannot be written into the definition, it is as before",
        where=f"{file}: {', '.join(names)}",
        why=why,
        fix="write them by hand, or let `iac apply` make the client as defined",
    )


def _is_as_meant(
    before: Document, after: Document, pointers: Mapping[str, tuple[str, ...]], values: Mapping[str, Value | None]
) -> bool:
    """Whether the fields are as wanted, and all else is as it was."""
    wanted = all(
        _meaning(name, reduce(dict.get, pointers[name], after.value)) == _canonical(name, values[name])
        for name in values
    )
    rest_before, rest_after = (_without(document.value, pointers.values()) for document in (before, after))
    return wanted and rest_before == rest_after


def _without(value: Any, pointers: Iterable[tuple[str, ...]], at: tuple[str, ...] = ()) -> Any:
    if not isinstance(value, dict):
        return value
    excluded = {(*pointer[:-1], pointer[-1] + sign) for pointer in pointers for sign in ("", PLUS)}
    return {key: _without(item, pointers, (*at, key)) for key, item in value.items() if (*at, key) not in excluded}


def _canonical(name: str, value: Value | None) -> Any:
    if is_set(name):
        return set(value) if isinstance(value, tuple) else set()
    return bool(value) if name in FIELDS and FIELDS[name].kind is Kind.FLAG else value


def _meaning(name: str, value: Any) -> Any:
    if is_set(name):
        entries = value.split() if isinstance(value, str) else value or ()
        return {_entry_meant(name, entry) for entry in entries}
    if field_of(name).kind is Kind.JSON:
        return canonical_json(value)
    if field_of(name).kind is Kind.JWKS and value is not None:
        return canonical_jwks(json.dumps(value))
    return value


def _comments(text: str) -> set[str]:
    """Comments in lines of their own."""
    return {line.strip() for line in text.splitlines() if line.lstrip().startswith("#")}
