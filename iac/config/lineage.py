"""Writing into iac.yaml what `iac init` and `iac state init` make: lineage, recipient, the wheel of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iac.config.document import parse_document
from iac.config.override import DEFAULT
from iac.config.path import PROJECT_FILE
from iac.config.writing import dump, replace_text, round_trip
from iac.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_BY_HAND = "write it by hand: state: {lineage: %s}"


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
    text = path.read_text(encoding="utf-8-sig")
    edited = with_lineage(text, environment, lineage, recipient)
    if _value(edited) != _edited(_value(text), environment, lineage, recipient):
        fix = _BY_HAND % lineage
        raise InputError("the lineage cannot be written into iac.yaml", where=str(path), fix=fix)
    replace_text(path, edited)


def with_lineage(text: str, environment: str, lineage: str, recipient: str = "") -> str:
    """The text of iac.yaml with a lineage and a recipient; as `edit_lineage`."""
    yaml = round_trip()
    value = yaml.load(text)
    return dump(yaml, _edited(value, environment, lineage, recipient))


def with_wheel(text: str, wheel: str) -> str:
    """The text of iac.yaml with `pipelines.wheel`, comments kept.

    Raises:
        InputError: it would not be read as meant.
    """
    yaml = round_trip()
    value = yaml.load(text)
    wanted = _value(text)
    for mapping in (value, wanted):
        mapping.setdefault("pipelines", {})["wheel"] = wheel
    edited = dump(yaml, value)
    if _value(edited) != wanted:
        fix = f"write it by hand: pipelines: {{wheel: {wheel}}}"
        raise InputError("the wheel cannot be written into iac.yaml", where=PROJECT_FILE, fix=fix)
    return edited


def _edited(value: Any, environment: str, lineage: str, recipient: str) -> Any:
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


def _value(text: str) -> Any:
    document, _ = parse_document(text.encode(), PROJECT_FILE)
    return document.value if document else None
