"""Fields of a definition replaced in its text: the rest stays as it is, to the letter. Pure.

Entries of a list in lines of its own come and go by their lines, other values from their first character to their last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from iac.config.layers import PLUS
from iac.core.desired import OWNERS
from iac.core.model import FIELDS, GRANT_TYPES, Kind, Value, short_grant

_PLAIN = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./@+~:?&=%-]*[A-Za-z0-9_/]|[A-Za-z]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_Entry = tuple[yaml.ScalarNode, yaml.Node]


class Unwritable(Exception):
    """A field whose place in the text is not clear; the message says why."""


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


def is_set(name: str) -> bool:
    """Whether a field is a set of texts."""
    return name == OWNERS or FIELDS[name].kind is Kind.SET


def spliced(text: str, environment: str, values: Mapping[str, Value | None]) -> str:
    """The text of a definition with other values of fields.

    A field is written where it stands: in the overlay of the environment, else at the top; one that is nowhere is added
    at the top. Where `name+` adds to what others say, it becomes `name` with the whole value.

    Args:
        text: a valid definition.
        environment: whose overlay counts.
        values: field -> canonical value, None for empty.

    Raises:
        Unwritable: a field cannot be replaced.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise Unwritable("it is no mapping")
    splices: list[_Splice] = []
    added = ""
    for name, value in values.items():
        entry = _find(root, environment, name)
        if entry is None:
            added += _added(root, name, value, _line_end(text))
        else:
            splices += _key(entry[0], name)
            splices += _value(text, entry, name, value)
    for splice in sorted(splices, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return _with(text, root, added)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _with(text: str, root: yaml.MappingNode, added: str) -> str:
    """New keys come first in a flow mapping, last in a block."""
    if not added:
        return text
    if root.flow_style:
        start = root.start_mark.index + 1
        return text[:start] + added + text[start:]
    return text + ("" if text.endswith("\n") else _line_end(text)) + added


def _added(root: yaml.MappingNode, name: str, value: Value | None, line_end: str) -> str:
    if root.flow_style:
        return f'"{name}": {_flow(name, value, is_quoted=True)}, '
    return f"{' ' * root.start_mark.column}{name}: {_flow(name, value, is_quoted=False)}{line_end}"


def _find(root: yaml.MappingNode, environment: str, name: str) -> _Entry | None:
    overlay: yaml.Node | None = root
    for key in ("environments", environment):
        overlay = next((value for at, value in _entries(overlay) if at.value == key), None)
    return _one(overlay, name) or _one(root, name)


def _entries(node: yaml.Node | None) -> Iterator[_Entry]:
    yield from node.value if isinstance(node, yaml.MappingNode) else ()


def _one(mapping: yaml.Node | None, name: str) -> _Entry | None:
    found = [entry for entry in _entries(mapping) if entry[0].value in {name, name + PLUS}]
    if len(found) > 1:
        raise Unwritable(f"{name} and {name}{PLUS} stand side by side")
    return found[0] if found else None


def _key(key: yaml.ScalarNode, name: str) -> Iterator[_Splice]:
    if key.value != name:
        yield _Splice(key.start_mark.index, key.end_mark.index, json.dumps(name) if key.style else name)


def _value(text: str, entry: _Entry, name: str, value: Value | None) -> Iterator[_Splice]:
    key, node = entry
    is_block = isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value
    if is_block and is_set(name) and isinstance(value, tuple) and value:
        yield from _block(text, node, name, value)
        return
    start, end = node.start_mark.index, end_of(node, text)
    is_quoted = any(each.style in {'"', "'"} for each in (key, node, *_children(node)) if hasattr(each, "style"))
    new = _flow(name, value, is_quoted=is_quoted, node=node)
    is_below = node.start_mark.line > key.start_mark.line
    is_outside = is_below and node.start_mark.column <= key.start_mark.column
    yield _Splice(start, end, f"  {new}" if is_outside else f" {new}" if text[start - 1] == ":" else new)


def _children(node: yaml.Node) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else []


def end_of(node: yaml.Node, text: str) -> int:
    """Behind the last character of a value; comments and blank lines below it are not its own."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(last[1] if isinstance(last, tuple) else last, text)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _block(text: str, node: yaml.Node, name: str, value: tuple[str, ...]) -> Iterator[_Splice]:
    """Entries that stay keep their lines; new ones come after the last of these."""
    indent = _line_end(text) + " " * node.start_mark.column
    kept: dict[str, yaml.Node] = {}
    gone: list[yaml.Node] = []
    for item in node.value:
        entry = _entry_meant(name, item.value)
        if entry in value and entry not in kept:
            kept[entry] = item
        else:
            gone.append(item)
    is_quoted = any(item.style in {'"', "'"} for item in node.value)
    new = [f"- {_spelled(name, entry, is_quoted=is_quoted)}" for entry in value if entry not in kept]
    if not kept:
        yield _Splice(node.start_mark.index, end_of(node, text), indent.join(new))
        return
    for item in gone:
        start = text.rfind("\n", 0, item.start_mark.index) + 1
        yield _Splice(start, _next_line(text, end_of(item, text)), "")
    last = end_of(list(kept.values())[-1], text)
    at = last + len(text[last : _next_line(text, last)].rstrip("\r\n"))
    yield _Splice(at, at, "".join(f"{indent}{entry}" for entry in new))


def _next_line(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _entry_meant(name: str, entry: str) -> str:
    """An entry as it is compared: grant types by their wire names, account ids in lower case."""
    return GRANT_TYPES.get(entry, entry) if name == "grant_types" else entry.lower() if name == OWNERS else entry


def _flow(name: str, value: Value | None, *, is_quoted: bool, node: yaml.Node | None = None) -> str:
    if is_set(name):
        return _flow_set(name, value if isinstance(value, tuple) else (), is_quoted=is_quoted, node=node)
    if isinstance(value, str):
        return value if FIELDS[name].kind is Kind.JWKS else scalar_text(value, is_quoted=is_quoted)
    empty = False if FIELDS[name].kind is Kind.FLAG else None
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
    words = text.split(" ")
    is_plain = all(_PLAIN.fullmatch(word) for word in words) and text.lower() not in _WORDS
    return text if is_plain and not is_quoted else json.dumps(text, ensure_ascii=False)
