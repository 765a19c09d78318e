"""Canonical order and style of the project's files, comments kept. Pure, but for the choice of the schema's address.

ruamel.yaml writes the style; then top-level keys are put in order as blocks of lines, so that comments go with the key
below them. Each step is taken only if the file still says the same, and both again until nothing changes.

ruamel.yaml takes 15 ms for a file. Its lines tell in a tenth of a millisecond whether it is in that style: most files
of a project are as `iac fmt` leaves them. A yes is certain; what is not plain enough is for ruamel.yaml to decide on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct

from iac.config.edit.files import dump, round_trip, split_marks
from iac.config.schema import load_schema
from iac.document import Document, parse_document

_MODELINE = "# yaml-language-server: $schema="
_HAS_MODELINE = re.compile(r"^#\s*yaml-language-server:\s*\$schema\s*=", re.MULTILINE)


class _Block(Struct, frozen=True):
    """A top-level key with the comments above it and the lines of its value."""

    key: str
    above: tuple[str, ...]
    lines: tuple[str, ...]


def format_text(document: Document, text: str, schema: str, address: str) -> str:
    """The text in canonical form.

    Args:
        document: what the text holds; it has no mistakes as YAML.
        text: the file.
        schema: whose order of keys is taken: client, project or defaults.
        address: of the schema, for editors; "" adds no line.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lined = plain if _HAS_MODELINE.search(plain) or not address else f"{_MODELINE}{address}\n{plain}"
    start, inner, end = split_marks(lined)
    if not (is_styled(inner) and _is_ordered(document, schema)):
        for _ in range(5):
            styled = _style(inner)
            if _comments(styled) != _comments(inner):  # ruamel.yaml loses some in lists of lists
                styled = inner
            styled = _if_same(document.value, styled, inner)
            before, inner = inner, _if_same(document.value, _order(styled, schema), styled)
            if inner == before:
                break
    return start + inner + end


def schema_address(root: Path, file: str, schema: str) -> str:
    """Where an editor finds the schema of a file: the copy in the project when it has one, else the published one."""
    copy = f"schemas/{schema}.schema.json"
    if (root / copy).is_file():
        return "../" * (len(PurePosixPath(file).parts) - 1) + copy
    return str(load_schema(schema)["$id"])


def modeline(root: Path, file: str, schema: str) -> str:
    """The first line of a file, by which editors find its schema."""
    return f"{_MODELINE}{schema_address(root, file, schema)}\n"


def _if_same(value: Any, text: str, otherwise: str) -> str:
    document, diagnostics = parse_document(text.encode(), "")
    is_same = document is not None and not diagnostics and _dumped(document.value) == _dumped(value)
    return text if is_same else otherwise


def _comments(text: str) -> list[str]:
    """What stands behind each first # of a line, white space aside; text with # in it counts as well."""
    return sorted("".join(line[line.index("#") :].split()) for line in text.splitlines() if "#" in line)


def _dumped(value: Any) -> str:
    """Text that two values have in common only if they are equal, types included; the order of keys is free."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_dumped(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    return repr(value)


def _order(text: str, schema: str) -> str:
    document, _ = parse_document(text.encode(), "")
    if document is None or not isinstance(document.value, dict) or not document.value:
        return text
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    starts = [(document.at_key(key), key) for key in document.value]
    if any(place.column != 1 for place, _ in starts) or len({place.line for place, _ in starts}) < len(starts):
        return text
    head, blocks, foot = _blocks(lines, [(place.line - 1, key) for place, key in starts])
    rank = _ranks(schema)
    blocks.sort(key=lambda block: rank.get(block.key, len(rank)))
    return "".join([*head, *(line for block in blocks for line in (*block.above, *block.lines)), *foot])


@cache
def _ranks(schema: str) -> Mapping[str, int]:
    keys = load_schema(schema)
    return {key: index for index, key in enumerate(keys.get("properties") or keys["$defs"]["layer"]["properties"])}


def _is_ordered(document: Document, schema: str) -> bool:
    rank = _ranks(schema)
    order = [rank.get(key, len(rank)) for key in document.value]
    return order == sorted(order)


def _blocks(lines: Sequence[str], starts: Sequence[tuple[int, str]]) -> tuple[list[str], list[_Block], list[str]]:
    """The lines before the first key's comments, the blocks, and the comments at the end."""
    blocks: list[_Block] = []
    above = _before(lines, 0, starts[0][0])
    head = list(lines[: above[0]])
    for index, (start, key) in enumerate(starts):
        limit = len(lines) if index + 1 == len(starts) else starts[index + 1][0]
        end = _content_end(lines, start, limit)
        blocks.append(_Block(key, tuple(lines[above[0] : above[1]]), tuple(lines[start:end])))
        above = (end, limit)
    return head, blocks, list(lines[above[0] : above[1]])


def _before(lines: Sequence[str], first: int, start: int) -> tuple[int, int]:
    """The comments that belong to the first key: those right above it, if a blank line or modeline is above them."""
    top = start
    while top > first and lines[top - 1].startswith("#") and not lines[top - 1].startswith(_MODELINE):
        top -= 1
    return (top if top > first and not lines[top - 1].strip() else start), start


def _content_end(lines: Sequence[str], start: int, limit: int) -> int:
    """Where blank lines and comments in the first column begin that belong to what comes after."""
    end = limit
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return end


def _style(text: str) -> str:
    yaml = round_trip()
    try:
        return dump(yaml, yaml.load(text))
    except Exception:
        return text


_LONGEST = 2000
"""Characters of a line, well below the width at which ruamel.yaml breaks it."""

_KEY = r"[A-Za-z_][A-Za-z0-9_.+-]*"
_QUOTED = r""""[^"\\]*"|'[^'\\]*'"""
_NUMBER = r"[0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]+[dhmsw]"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FIRST = r"(?!(?:True|TRUE|False|FALSE|Null|NULL)\b)(?:[A-Za-z_/\u00c0-\u00ff]|(?:~|\.[A-Za-z0-9_.-]*)/)"
_INNER = r"A-Za-z0-9_./@+~?&=%()!;$*\-\u00c0-\u00ff"

_OUTER = f"{_INNER},'"


def _plain(signs: str) -> str:
    return rf"{_FIRST}[{signs}]*(?:(?::(?=[{signs}:])| (?=[{signs}]))[{signs}]*)*"


_ATOM = rf"(?:{_QUOTED}|{_UUID}|{_NUMBER}|{_plain(_INNER)})"
_PAIR = rf"""(?:{_KEY}|"[^"\\]*"): {_ATOM}"""
_LIST = rf"\[(?:{_ATOM}(?:, {_ATOM})*)?\]"
_MAPPING = rf"\{{{_PAIR}(?:, {_PAIR})+\}}|(?<!\[)(?<!, )\{{(?:{_PAIR})?\}}"
"""ruamel.yaml takes the braces away from a mapping of one key that is an item of a list."""
_INNERMOST = re.compile(f"{_LIST}|{_MAPPING}")
_VALUE = rf"{_QUOTED}|{_UUID}|{_NUMBER}|{_plain(_OUTER)}|(?P<flow>[\[{{].*[\]}}])"
_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- )?(?P<key>{_KEY}:(?: |(?!.)|(?= +#)))?(?P<value>{_VALUE})?(?: +#(?:.*\S)?)?"
)
_NOT_READ = re.compile(r" *#.*\S| *#|")


def is_styled(text: str) -> bool:
    """Whether ruamel.yaml would write a text as it stands; no may be wrong, yes is not.

    Args:
        text: a mapping in YAML, without mistakes.
    """
    *lines, end = text.split("\n")
    return end == "" and not text.startswith("\n") and _LineReader().is_styled(lines)


class _LineReader:
    """A look at the lines of a text, in their order: each level of a block stands two columns right of its parent."""

    def __init__(self) -> None:
        self._levels = [(0, False)]
        self._opened: int | None = None

    def is_styled(self, lines: list[str]) -> bool:
        return all(map(self._is_line, lines)) and self._opened is None

    def _is_line(self, line: str) -> bool:
        if _NOT_READ.fullmatch(line):
            return True
        match = _LINE.fullmatch(line) if len(line) <= _LONGEST else None
        if match is None:
            return False
        spaces, dash, key, value, flow = match.groups()
        indent, is_item = len(spaces), bool(dash)
        if not (key or (is_item and value)) or not self._is_level(indent, is_item=is_item):
            return False
        if is_item and key:
            indent += 2
            self._levels.append((indent, False))
        self._opened = indent if value is None else None
        return flow is None or _is_flow(flow)

    def _is_level(self, indent: int, *, is_item: bool) -> bool:
        """Whether a line may begin here: below a key without a value, else on a level that is open."""
        level = (indent, is_item)
        if self._opened is not None:
            self._levels.append(level)
            return indent == self._opened + 2
        while self._levels[-1][0] > indent:
            self._levels.pop()
        return self._levels[-1] == level


def _is_flow(text: str) -> bool:
    """Whether a list or mapping in one line has its spaces where they belong: what is innermost becomes a word."""
    while text[0] in "[{":
        text, count = _INNERMOST.subn("x", text)
        if not count:
            return False
    return text == "x"
