"""What `iac init`, `iac state init` and `iac new` write into the text of iac.yaml; the rest stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from iac.config.edit.files import dump, edited_text, replace_text, round_trip
from iac.config.edit.format import format_text
from iac.config.edit.splice import end_of
from iac.core.desired import DEFAULT
from iac.core.errors import InputError
from iac.document import parse_document
from iac.ports.path import PROJECT_FILE


def edit_lineage(root: Path, environment: str, lineage: str, recipient: str = "") -> None:
    """Write `state.lineage` of an environment into iac.yaml, comments kept.

    Args:
        root: the project's folder; its iac.yaml is valid.
        environment: whose state it is; of a project with environments it is written below that environment.
        lineage: the new lineage.
        recipient: added to `state.encryption.recipients` when it is not there; "" for none.

    Raises:
        InputError: the file cannot be written, or would not be read as meant; it is as before.
    """
    path = root / PROJECT_FILE

    def edit(text: str) -> str:
        yaml = round_trip()
        edited = dump(yaml, _set_lineage(yaml.load(text), environment, lineage, recipient))
        if _parse(edited) != _set_lineage(_parse(text), environment, lineage, recipient):
            raise InputError(
                "the lineage cannot be written into iac.yaml",
                where=str(path),
                fix=f"write it by hand: state: {{lineage: {lineage}}}",
            )
        return edited

    replace_text(path, edited_text(path, edit))


def with_wheel(text: str, wheel: str) -> str:
    """The text of iac.yaml with `pipelines.wheel`, comments kept.

    Raises:
        InputError: it would not be read as meant.
    """
    yaml = round_trip()
    value = yaml.load(text)
    wanted = _parse(text)
    for mapping in (value, wanted):
        mapping.setdefault("pipelines", {})["wheel"] = wheel
    edited = dump(yaml, value)
    if _parse(edited) != wanted:
        raise InputError(
            "the wheel cannot be written into iac.yaml",
            where=PROJECT_FILE,
            fix=f"write it by hand: pipelines: {{wheel: {wheel}}}",
        )
    return edited


def _set_lineage(value: Any, environment: str, lineage: str, recipient: str) -> Any:
    """The mapping with what is new; changed in place."""
    top = value
    if environment != DEFAULT or "environments" in value:
        value["environments"][environment] = value["environments"][environment] or {}
        value = value["environments"][environment]
    state = value.setdefault("state", {})
    if recipient:
        _add_recipient(state if "encryption" in state else top.setdefault("state", {}), recipient)
    _put(state, "lineage", lineage)
    return top


def _add_recipient(state: Any, recipient: str) -> None:
    if "encryption" not in state:
        _put(state, "encryption", {})
    encryption = state["encryption"]
    if not isinstance(encryption, dict):
        return
    if "recipients" not in encryption:
        _put(encryption, "recipients", [])
    if recipient not in encryption["recipients"]:
        encryption["recipients"].append(recipient)


def _put(mapping: Any, key: str, value: Any) -> None:
    """Set a key; a new one comes first, for ruamel.yaml keeps the comments below a mapping with its last key."""
    if key in mapping or not hasattr(mapping, "insert"):
        mapping[key] = value
    else:
        mapping.insert(0, key, value)


_KEY = "outputs"


def with_output(text: str, entry: Mapping[str, Any]) -> str:
    """The text of iac.yaml with one more entry under `outputs`, at the end; in canonical form if it was before.

    Args:
        text: iac.yaml; it is valid.
        entry: the output, of mappings, texts and lists.

    Raises:
        InputError: it cannot be written there without touching something else.
    """
    before = _parse(text)
    edited = _insert_output(text, entry)
    wanted = {**before, _KEY: [*(before.get(_KEY) or ()), entry]}
    if edited is None or _parse(edited) != wanted:
        raise InputError(
            "the output cannot be written into iac.yaml",
            where=PROJECT_FILE,
            fix=f"add it under outputs: {json.dumps(entry, ensure_ascii=False)}",
        )
    return _format(edited) if _format(text) == text else edited


def _parse(text: str) -> Any:
    document, mistakes = parse_document(text.encode(), PROJECT_FILE)
    return document.value if document and not mistakes else None


def _format(text: str) -> str:
    document, mistakes = parse_document(text.encode(), PROJECT_FILE)
    return text if document is None or mistakes else format_text(document, text, "project", "")


def _insert_output(text: str, entry: Mapping[str, Any]) -> str | None:
    """None where its place is not clear."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    node = next((value for key, value in root.value if key.value == _KEY), None)
    if node is None:
        return text + ("" if text.endswith("\n") else "\n") + dump(round_trip(), {_KEY: [entry]})
    if not isinstance(node, yaml.SequenceNode):
        return None
    if node.flow_style:
        end = node.end_mark.index - 1
        return text[:end] + (", " if node.value else "") + json.dumps(entry, ensure_ascii=False) + text[end:]
    end = text.find("\n", end_of(node.value[-1], text))
    head, rest = (text + "\n", "") if end < 0 else (text[: end + 1], text[end + 1 :])
    lines = dump(round_trip(), [entry]).splitlines()
    offset = len(lines[0]) - len(lines[0].lstrip())
    return head + indent("\n".join(line[offset:] for line in lines) + "\n", " " * node.start_mark.column) + rest
