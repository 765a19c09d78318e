"""Canonical order and style of the project's files, comments kept. Pure, but for the choice of the schema's address.

ruamel.yaml writes the style; then top-level keys are put in order as blocks of lines, so that comments go with the key
below them. Each step is taken only if the file still says the same, and both again until nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from iac.config.edit.canonical import is_styled
from iac.config.edit.files import dump, round_trip, split_marks
from iac.config.schema import load_schema
from iac.document import Document, parse_document

_MODELINE = "# yaml-language-server: $schema="
_HAS_MODELINE = re.compile(r"^#\s*yaml-language-server:\s*\$schema\s*=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Block:
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
            before, inner = inner, _format_pass(document, inner, schema)
            if inner == before:
                break
    return start + inner + end


def _format_pass(document: Document, text: str, schema: str) -> str:
    styled = _style(text)
    if _comments(styled) != _comments(text):  # ruamel.yaml loses some in lists of lists
        styled = text
    styled = _if_same(document.value, styled, text)
    return _if_same(document.value, _order(styled, schema), styled)


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
