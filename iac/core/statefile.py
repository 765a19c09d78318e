"""State as text: the document, and the journal beside it. Pure; docs/reference/state.md shows both.

Document: one JSON object, header first, then one line for each client, output, intent and tombstone, so that two
versions compare well. Journal: one JSON line for each group commit, so that a commit is there whole or not at all.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from iac.core.codec import (
    approval_object,
    client_object,
    event_object,
    intent_object,
    key_object,
    output_object,
    parse_approval,
    parse_client,
    parse_event,
    parse_intent,
    parse_key,
    parse_output,
    parse_tombstone,
    tombstone_object,
)
from iac.core.errors import StateError
from iac.core.members import Malformed, Members, Object
from iac.core.state import FORMAT_VERSION, Event, State, fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iac.core.keys import ClientKey

KIND = "indigo-iac state"

_compact = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})",(.*\})', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose state it must be. `lineage` is that of iac.yaml, "" when it names none."""

    project: str
    environment: str
    issuer: str
    lineage: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text was read, and the way out when it is damaged; both for the error only."""

    where: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one group commit recorded, and the document (lineage, serial) that it goes on from."""

    lineage: str
    run_id: str
    serial: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read: its whole batches, and how many bytes of it they take (what follows is a torn commit)."""

    batches: tuple[Batch, ...] = ()
    length: int = 0


def render_state(state: State) -> str:
    """The document, with a newline at its end. The same state gives the same text."""
    header = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "project": state.project,
        "environment": state.environment,
        "issuer": state.issuer,
        "lineage": state.lineage,
        "serial": state.serial,
        "run_id": state.run_id,
    }
    members = {name: _compact(value) for name, value in header.items()}
    if state.approval:
        members["approval"] = _compact(approval_object(state.approval))
    members["clients"] = _mapping({address: client_object(client) for address, client in state.clients.items()})
    members["outputs"] = _mapping({path: output_object(output) for path, output in state.outputs.items()})
    members["intents"] = _mapping({address: intent_object(intent) for address, intent in state.intents.items()})
    members["tombstones"] = _lines("[", [_compact(tombstone_object(one)) for one in state.tombstones], "]")
    if state.keys:
        members["keys"] = _mapping({address: [key_object(key) for key in keys] for address, keys in state.keys.items()})
    return "{\n" + ",\n".join(f'  "{name}": {text}' for name, text in members.items()) + "\n}\n"


def parse_state(text: str, origin: Origin) -> State:
    """The state of a document.

    Raises:
        StateError: the text is damaged, or its format is newer than this program.
    """
    try:
        data = _load(text)
        members = Members(data, "document")
        _check_format(members, origin)
        return _state(members)
    except Malformed as damage:
        raise StateError("the state is damaged", where=origin.where, why=str(damage), fix=origin.fix) from None


def check_owner(state: State, owner: Owner, origin: Origin) -> State:
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


def render_batch(batch: Batch) -> bytes:
    """One line of the journal: JSON, its first member the CRC-32 of what follows it."""
    body = _compact(
        {
            "events": [event_object(event) for event in batch.events],
            "lineage": batch.lineage,
            "run_id": batch.run_id,
            "serial": batch.serial,
        }
    ).encode()[1:]
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def is_journal(data: bytes) -> bool:
    """Whether this is a journal, whole or damaged, and no document."""
    return data.startswith(b'{"crc":')


def parse_journal(data: bytes, origin: Origin) -> Journal:
    """The whole batches of a journal. A torn last line was never acknowledged and is dropped.

    Raises:
        StateError: a line before the last is damaged, or holds what this program does not know.
    """
    batches: list[Batch] = []
    length = 0
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            batches.append(_batch(line, f"line {number}"))
        except Malformed as damage:
            if number == len(lines) and not rest:
                break
            why = f"{damage}; what was recorded from there on cannot be read"
            raise StateError("the state's journal is damaged", where=origin.where, why=why, fix=origin.fix) from None
        length += len(line) + 1
    return Journal(tuple(batches), length)


def replay(state: State, journal: Journal, origin: Origin) -> State:
    """Fold a journal into the document it belongs to. Batches of an older document are in this one already.

    Batches of a newer document are folded too: they say what is, and the document was put back from its backup.

    Raises:
        StateError: the journal is of another lineage.
    """
    if any(batch.lineage != state.lineage for batch in journal.batches):
        raise StateError(
            "the journal belongs to another state",
            where=origin.where,
            why=f"its lineage is not that of the document, {state.lineage}",
            fix=origin.fix,
        )
    events = [event for batch in journal.batches if batch.serial >= state.serial for event in batch.events]
    return fold_all(state, events)


def fold_all(state: State, events: Sequence[Event]) -> State:
    """The state after all these events, in order."""
    return reduce(fold, events, state)


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
    )
    members.end()
    return state


def _keys(data: Object) -> dict[str, tuple[ClientKey, ...]]:
    if any(type(keys) is not list for keys in data.values()):
        raise Malformed("keys: not lists of keys")
    return {name: tuple(parse_key(key, f"keys.{name}") for key in keys) for name, keys in data.items()}


def _check_format(members: Members, origin: Origin) -> None:
    if members.text("kind") != KIND:
        raise Malformed("document.kind: not a state of iac")
    version = members.text("format_version")
    if not _VERSION.fullmatch(version):
        raise Malformed("document.format_version: not a version")
    if version != FORMAT_VERSION:
        raise StateError(
            "the state was written by another version of iac",
            where=origin.where,
            why=f"its format is {version}, this program reads and writes {FORMAT_VERSION}",
            fix="use the version of iac that wrote it, or a newer one",
        )


def _batch(line: bytes, at: str) -> Batch:
    match = _LINE.fullmatch(line)
    if not match or int(match[1], 16) != zlib.crc32(match[2]):
        raise Malformed(f"{at}: its checksum does not fit")
    members = Members(_load("{" + match[2].decode()), at)
    batch = Batch(
        lineage=members.text("lineage"),
        run_id=members.text("run_id"),
        serial=members.number("serial"),
        events=tuple(parse_event(data, f"{at}.events") for data in members.items("events")),
    )
    members.end()
    return batch


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON from line {error.lineno} column {error.colno} on: {error.msg}") from None
    except RecursionError:
        raise Malformed("nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> Object:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise Malformed("a member twice in one object")
    return data


def _refuse(name: str) -> Any:
    raise Malformed(f"{name} is no number of JSON")


def _mapping(objects: Mapping[str, Object | list[Object]]) -> str:
    return _lines("{", [f"{_compact(name)}: {_compact(objects[name])}" for name in sorted(objects)], "}")


def _lines(start: str, lines: list[str], end: str) -> str:
    return start + "\n    " + ",\n    ".join(lines) + "\n  " + end if lines else start + end
