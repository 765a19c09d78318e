"""State as text: the document. Pure; docs/reference/state.md shows it.

One JSON object, header first, then one line for each client, output, intent and tombstone, so that two versions compare
well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iac.core.errors import StateError
from iac.core.state.codec import (
    approval_object,
    client_object,
    intent_object,
    key_object,
    output_object,
    parse_approval,
    parse_client,
    parse_intent,
    parse_key,
    parse_output,
    parse_tombstone,
    tombstone_object,
)
from iac.core.state.members import Malformed, Members, Object, dump, load
from iac.core.state.model import FORMAT_VERSION, ClientKey, State
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
    header = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "project": state.project,
        "environment": state.environment,
        "issuer": state.issuer,
        "served_issuer": state.served_issuer,
        "lineage": state.lineage,
        "serial": state.serial,
        "run_id": state.run_id,
    }
    members = {name: dump(value) for name, value in header.items()}
    if state.approval:
        members["approval"] = dump(approval_object(state.approval))
    members["clients"] = _mapping({address: client_object(client) for address, client in state.clients.items()})
    members["outputs"] = _mapping({path: output_object(output) for path, output in state.outputs.items()})
    members["intents"] = _mapping({address: intent_object(intent) for address, intent in state.intents.items()})
    members["tombstones"] = _lines("[", [dump(tombstone_object(one)) for one in state.tombstones], "]")
    if state.keys:
        members["keys"] = _mapping({address: [key_object(key) for key in keys] for address, keys in state.keys.items()})
    return "{\n" + ",\n".join(f'  "{name}": {text}' for name, text in members.items()) + "\n}\n"


def check_state(state: State) -> None:
    """Prove that the reader takes the document: damage is refused before it replaces what is whole.

    Raises:
        StateError: it does not.
    """
    try:
        _state(_upgraded(Members(load(render_state(state)), "document"), TextOrigin("")))
    except Malformed as damage:
        raise unwritable(damage) from None


def unwritable(damage: Malformed) -> StateError:
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
        return _state(_upgraded(Members(load(text), "document"), origin))
    except Malformed as damage:
        raise StateError("the state is damaged", where=origin.where, why=str(damage), fix=origin.fix) from None


def check_owner(state: State, owner: Owner, origin: TextOrigin) -> State:
    """The state, when it is this owner's.

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
        ("project", state.project, owner.project),
        ("environment", state.environment, owner.environment),
        ("issuer", state.issuer.removesuffix("/"), owner.issuer.removesuffix("/")),
        ("lineage", state.lineage, owner.lineage),
    )
    for name, theirs, ours in pairs:
        if theirs != ours:
            raise StateError(
                f"the state belongs to another {name}",
                where=origin.where,
                why=f"the state says {theirs!r}, iac.yaml says {ours!r}",
                fix="name the state that belongs to this environment (state in iac.yaml, and its lineage)",
            )
    return state


def _upgraded(members: Members, origin: TextOrigin) -> Members:
    if members.text("kind") != KIND:
        raise Malformed("document.kind: not a state of iac")
    for upgrade in upgrades_from(members.text("format_version"), origin.where):
        members.amend(upgrade.document)
    return members


def _state(members: Members) -> State:
    state = State(
        project=members.text("project"),
        environment=members.text("environment"),
        issuer=members.text("issuer"),
        lineage=members.text("lineage"),
        serial=members.number("serial"),
        run_id=members.text("run_id"),
        clients={name: parse_client(data, f"clients.{name}") for name, data in members.object("clients").items()},
        outputs={path: parse_output(data, f"outputs.{path}") for path, data in members.object("outputs").items()},
        intents={name: parse_intent(data, f"intents.{name}") for name, data in members.object("intents").items()},
        tombstones=tuple(parse_tombstone(data, "tombstones") for data in members.items("tombstones")),
        approval=parse_approval(members.object("approval"), "approval") if members.has("approval") else None,
        keys=_keys(members.object("keys")) if members.has("keys") else {},
        served_issuer=members.text("served_issuer"),
    )
    members.end()
    return state


def _keys(data: Object) -> dict[str, tuple[ClientKey, ...]]:
    if any(type(keys) is not list for keys in data.values()):
        raise Malformed("keys: not lists of keys")
    return {name: tuple(parse_key(key, f"keys.{name}") for key in keys) for name, keys in data.items()}


def _mapping(objects: Mapping[str, Object | list[Object]]) -> str:
    return _lines("{", [f"{dump(name)}: {dump(objects[name])}" for name in sorted(objects)], "}")


def _lines(start: str, lines: list[str], end: str) -> str:
    return start + "\n    " + ",\n    ".join(lines) + "\n  " + end if lines else start + end
