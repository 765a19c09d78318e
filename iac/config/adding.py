"""An output written into the text of iac.yaml: the rest stays as it is, to the letter. Pure."""

from __future__ import annotations

import json
from textwrap import indent
from typing import TYPE_CHECKING, Any

import yaml

from iac.config.document import parse_document
from iac.config.formatting import format_text
from iac.config.path import PROJECT_FILE
from iac.config.splicing import end_of
from iac.config.writing import dump, round_trip
from iac.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = "outputs"


def with_output(text: str, entry: Mapping[str, Any]) -> str:
    """The text of iac.yaml with one more entry under `outputs`, at the end; in canonical form if it was before.

    Args:
        text: iac.yaml; it is valid.
        entry: the output, of mappings, texts and lists.

    Raises:
        InputError: it cannot be written there without touching something else.
    """
    before = _parsed(text)
    edited = _inserted(text, entry)
    wanted = {**before, _KEY: [*(before.get(_KEY) or ()), entry]}
    if edited is None or _parsed(edited) != wanted:
        fix = f"add it under outputs: {json.dumps(entry, ensure_ascii=False)}"
        raise InputError("the output cannot be written into iac.yaml", where=PROJECT_FILE, fix=fix)
    return _formatted(edited) if _formatted(text) == text else edited


def _block(value: object) -> str:
    """A value as YAML in our style."""
    return dump(round_trip(), value)


def _parsed(text: str) -> Any:
    document, mistakes = parse_document(text.encode(), PROJECT_FILE)
    return document.value if document and not mistakes else None


def _formatted(text: str) -> str:
    document, mistakes = parse_document(text.encode(), PROJECT_FILE)
    return text if document is None or mistakes else format_text(document, text, "project", "")


def _inserted(text: str, entry: Mapping[str, Any]) -> str | None:
    """None where its place is not clear."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    node = next((value for key, value in root.value if key.value == _KEY), None)
    if node is None:
        return text + ("" if text.endswith("\n") else "\n") + _block({_KEY: [entry]})
    if not isinstance(node, yaml.SequenceNode):
        return None
    if node.flow_style:
        end = node.end_mark.index - 1
        comma = ", " if node.value else ""
        return text[:end] + comma + json.dumps(entry, ensure_ascii=False) + text[end:]
    return _after(text, node, entry)


def _after(text: str, node: yaml.SequenceNode, entry: Mapping[str, Any]) -> str:
    """Behind the last line of the last entry, in its column."""
    end = text.find("\n", end_of(node.value[-1], text))
    head, rest = (text + "\n", "") if end < 0 else (text[: end + 1], text[end + 1 :])
    lines = _block([entry]).splitlines()
    offset = len(lines[0]) - len(lines[0].lstrip())
    return head + indent("\n".join(line[offset:] for line in lines) + "\n", " " * node.start_mark.column) + rest
