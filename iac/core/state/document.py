"""State as text: the document. Pure; docs/reference/state.md shows it.

One JSON object, header first, then one line for each client, output, intent and tombstone, so that two versions compare
well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iac.core.errors import StateError
from iac.core.state.codec import OBJECT, STATE, TEXT, MalformedValue, dump, load, to_json
from iac.core.state.model import FORMAT_VERSION, State
from iac.core.state.upgrade import upgrades_from

KIND = "indigo-iac state"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose state it must be. `lineage` is that of iac.yaml, "" when it names none."""

    project: str
    environment: str
    issuer: str
    lineage: str


@dataclass(frozen=True, slots=True)
class TextOrigin:
    """Where a text was read, and the way out when it is damaged; both for the error only."""

    where: str
    fix: str = ""


def render_state(state: State) -> str:
    """The document, with a newline at its end. The same state gives the same text."""
    members = {"kind": KIND, "format_version": FORMAT_VERSION, **STATE.members_of(state)}
    return "{\n" + ",\n".join(f'  "{name}": {_text(value)}' for name, value in members.items()) + "\n}\n"


def _text(value: Any) -> str:
    """A member of the document: a line for each of many."""
    if isinstance(value, Mapping):
        return _lines("{", [f"{dump(name)}: {dump(to_json(value[name]))}" for name in sorted(value)], "}")
    return _lines("[", [dump(to_json(one)) for one in value], "]") if isinstance(value, tuple) else dump(to_json(value))


def _lines(start: str, lines: list[str], end: str) -> str:
    return start + "\n    " + ",\n    ".join(lines) + "\n  " + end if lines else start + end


def check_state(state: State) -> None:
    """Prove that the reader takes the document: damage is refused before it replaces what is whole.

    Raises:
        StateError: it does not.
    """
    try:
        _read(render_state(state), TextOrigin(""))
    except MalformedValue as damage:
        raise unwritable(damage) from None


def unwritable(damage: MalformedValue) -> StateError:
    """The error for a value that the reader would refuse."""
    return StateError(
        "the state cannot hold a value, so it is not written",
        why=f"{damage}; what iac writes it must be able to read again",
        fix="correct the value in the definition; when no definition has it, this is a fault in iac: report it",
    )


def parse_state(text: str, origin: TextOrigin) -> State:
    """The state of a document.

    Raises:
        StateError: the text is damaged, or its format is newer than this program.
    """
    try:
        return _read(text, origin)
    except MalformedValue as damage:
        raise StateError("the state is damaged", where=origin.where, why=str(damage), fix=origin.fix) from None


def check_owner(state: State, owner: Owner, origin: TextOrigin) -> State:
    """The state, when it is this owner's.

    A state that knows no client follows the issuer of iac.yaml: it was made while that was misspelt.

    Raises:
        StateError: it belongs to another project, environment, server or lineage; both are named.
    """
    if not owner.lineage:
        raise StateError(
            "iac.yaml does not name the lineage of its state",
            where=origin.where,
            why="without it somebody else's state could be taken for this one",
            fix=f"when this state is the project's own, set state.lineage in iac.yaml to {state.lineage}",
        )
    pairs = (
        ("lineage", state.lineage, owner.lineage),
        ("project", state.project, owner.project),
        ("environment", state.environment, owner.environment),
        ("issuer", state.issuer.removesuffix("/"), owner.issuer.removesuffix("/")),
    )
    name, theirs, ours = next((pair for pair in pairs if pair[1] != pair[2]), ("", "", ""))
    if not name:
        return state
    is_empty = not (state.clients or state.outputs or state.intents or state.tombstones or state.keys)
    if is_empty and name == "issuer":
        return replace(state, issuer=owner.issuer, served_issuer="", approval=None)
    raise StateError(
        f"the state belongs to another {name}",
        where=origin.where,
        why=f"the state says {theirs!r}, iac.yaml says {ours!r}",
        fix="name the state that belongs to this environment (state in iac.yaml, and its lineage)",
    )


def _read(text: str, origin: TextOrigin) -> State:
    document = OBJECT(load(text), "document")
    if document.pop("kind", None) != KIND:
        raise MalformedValue("document.kind: not a state of iac")
    version = TEXT(document.pop("format_version", None), "document.format_version")
    for upgrade in upgrades_from(version, origin.where):
        upgrade.document(document)
    return STATE(document, "document")
