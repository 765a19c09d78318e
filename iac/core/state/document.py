"""State as text: the document, the journal beside it, their older formats. Pure; docs/reference/state.md shows them.

The document is one JSON object, header first, then one line for each client, output, intent and tombstone, so that two
versions compare well. The journal has one JSON line for each group commit, so that a commit is there whole or not at
all.

A document and each batch of a journal name their format. Older ones are read as the next one, up to the one that is
written: a new format is one row of `CHAIN`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from iac.core.errors import StateError
from iac.core.explanation import page_url
from iac.core.state.codec import (
    COUNT,
    OBJECT,
    STATE,
    TEXT,
    MalformedValue,
    Object,
    ObjectShape,
    dump,
    event,
    items,
    load,
)
from iac.core.state.model import FORMAT_VERSION, Event, State, fold

V = TypeVar("V")

FIRST = "1.0"
"""The format of a batch that names none."""

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


class Upgrade(Struct, frozen=True):
    """From `version` to the next: what it adds to a document and to an event, in place."""

    version: str
    document: Callable[[Object], None]
    event: Callable[[Object], None]


def _add(data: Any, name: str, value: Any) -> None:
    """A member that the format before did not have; the reader refuses anything but an object."""
    if type(data) is not dict:
        return
    if name in data:
        raise MalformedValue(f"{name}: not a member of this version")
    data[name] = value


def objects(data: Any) -> list[Object]:
    """The objects among the members of a list or of an object."""
    members = list(data.values()) if type(data) is dict else data
    return [member for member in members if type(member) is dict] if type(members) is list else []


def _count(client: Any) -> None:
    """Whole numbers for what format 1.0 wrote as 3600.0 and then refused to read."""
    if type(client) is not dict:
        return
    for applied in objects([client.get("applied")]):
        whole = {name: int(value) for name, value in applied.items() if type(value) is float and value.is_integer()}
        applied.update(whole)
    for predecessor in objects(client.get("predecessors")):
        _count(predecessor.get("client"))


def _document_to_1_1(document: Object) -> None:
    _add(document, "served_issuer", "")
    for output in objects(document.get("outputs")):
        _add(output, "serial", 0)
    for client in objects(document.get("clients")):
        _count(client)
    for tombstone in objects(document.get("tombstones")):
        _count(tombstone.get("client"))


def _event_to_1_1(event: Object) -> None:
    _add(event.get("record"), "serial", 0)
    _count(event.get("client"))
    for tombstone in objects([event.get("tombstone")]):
        _count(tombstone.get("client"))


CHAIN = (Upgrade("1.0", _document_to_1_1, _event_to_1_1),)
"""All upgrades, the oldest first."""


def upgrades_from(version: str, where: str) -> tuple[Upgrade, ...]:
    """What leads from a format to the one that is written.

    Raises:
        MalformedValue: it is not a version.
        StateError: this program does not know it.
    """
    if not _VERSION.fullmatch(version):
        raise MalformedValue("format_version: not a version")
    known = [upgrade.version for upgrade in CHAIN]
    if version not in {*known, FORMAT_VERSION}:
        raise StateError(
            "the state was written by another version of iac",
            where=where,
            why=f"its format is {version}; this program reads {' and '.join([*known, FORMAT_VERSION])}",
            fix="use the version of iac that wrote it, or upgrade iac",
        )
    return CHAIN[known.index(version) :] if version in known else ()


KIND = "indigo-iac state"


class Owner(Struct, frozen=True):
    """The owner that a state must have. `lineage` comes from iac.yaml, "" when it names none."""

    project: str
    environment: str
    issuer: str
    lineage: str


class TextOrigin(Struct, frozen=True):
    """Where a text was read, and the way out when it is damaged; both for the error only."""

    where: str
    fix: str = ""


Lines = dict[str, dict[str, tuple[Any, str]]]
"""By member and name, the entries of a document with their lines."""


def render_state(state: State, lines: Lines | None = None) -> str:
    """The document, with a newline at its end. The same state gives the same text.

    Args:
        state: the state.
        lines: those of the document before, and after the call of this one: the very entries that stay are not
            rendered again.
    """
    members = {"kind": KIND, "format_version": FORMAT_VERSION, **STATE.members_of(state)}
    lines = {} if lines is None else lines
    texts = (f'  "{name}": {_text(value, lines.setdefault(name, {}))}' for name, value in members.items())
    return "{\n" + ",\n".join(texts) + "\n}\n"


def _text(value: Any, before: dict[str, tuple[Any, str]]) -> str:
    """A member of the document: a line for each of many."""
    if isinstance(value, Mapping):
        lines = {
            name: before[name]
            if name in before and before[name][0] is entry
            else (entry, f"{dump(name)}: {dump(entry)}")
            for name, entry in sorted(value.items())
        }
        before.clear()
        before.update(lines)
        return _lines("{", [line for _, line in lines.values()], "}")
    return _lines("[", [dump(one) for one in value], "]") if isinstance(value, tuple) else dump(value)


def _lines(start: str, lines: list[str], end: str) -> str:
    return start + "\n    " + ",\n    ".join(lines) + "\n  " + end if lines else start + end


def check_state(state: State, proven: State | None = None) -> None:
    """Prove that the reader takes the document: damage is refused before it replaces what is whole.

    Args:
        state: what is to be written.
        proven: a state that was read, or proven before: its entries are not read back again.

    Raises:
        StateError: it does not.
    """
    try:
        _read(render_state(_unproven(state, proven) if proven else state), TextOrigin(""))
    except MalformedValue as damage:
        raise unwritable(damage) from None


def _unproven(state: State, proven: State) -> State:
    """The state with those entries alone that are not the very objects of `proven`."""
    graves = {id(grave) for grave in proven.tombstones}
    return replace(
        state,
        clients=_others(state.clients, proven.clients),
        outputs=_others(state.outputs, proven.outputs),
        intents=_others(state.intents, proven.intents),
        tombstones=tuple(grave for grave in state.tombstones if id(grave) not in graves),
        keys=_others(state.keys, proven.keys),
    )


def _others(entries: Mapping[str, V], proven: Mapping[str, V]) -> dict[str, V]:
    return {name: entry for name, entry in entries.items() if proven.get(name) is not entry}


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
            why="without it iac could take a foreign state for this one",
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
        fix="name the state that belongs to this environment (state in iac.yaml, and its lineage)"
        + (f"; if the server has moved, see {page_url('how-to/move-the-issuer.md')}" if name == "issuer" else ""),
    )


def _read(text: str, origin: TextOrigin) -> State:
    document = OBJECT(load(text), "document")
    if document.pop("kind", None) != KIND:
        raise MalformedValue("document.kind: not a state of iac")
    version = TEXT(document.pop("format_version", None), "document.format_version")
    for upgrade in upgrades_from(version, origin.where):
        upgrade.document(document)
    return STATE(document, "document")


_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})",(.*\})', re.DOTALL)


class Batch(Struct, frozen=True):
    """What one group commit recorded, and the document (lineage, serial) that it goes on from."""

    lineage: str
    run_id: str
    serial: int
    events: tuple[Event, ...]


BATCH = ObjectShape(Batch, events=items(event), lineage=TEXT, run_id=TEXT, serial=COUNT)


class Journal(Struct, frozen=True):
    """A journal as read: its whole batches, and how many bytes of it they take (what follows is a torn commit)."""

    batches: tuple[Batch, ...] = ()
    length: int = 0

    @property
    def newest(self) -> int:
        """The highest serial that it names; 0 for none."""
        return max((batch.serial for batch in self.batches), default=0)

    def length_for(self, document: State) -> int:
        """Where the next commit goes on. A journal of an older document has nothing that this one lacks: it begins."""
        return self.length if self.newest >= document.serial else 0


def render_batch(batch: Batch) -> bytes:
    """One line of the journal: JSON, its first member the CRC-32 of what follows it.

    Raises:
        StateError: the reader would refuse it.
    """
    try:
        line = _line(batch)
        _batch(line.rstrip(b"\n"), "events", TextOrigin(""))
    except MalformedValue as damage:
        raise unwritable(damage) from None
    return line


def check_events(events: Sequence[Event]) -> None:
    """Prove that these events can be recorded, before anything is sent.

    Raises:
        StateError: the reader would refuse one of them.
    """
    render_batch(Batch("", "", 0, tuple(events)))


def _line(batch: Batch) -> bytes:
    body = dump({"format_version": FORMAT_VERSION, **BATCH.members_of(batch)}).encode()[1:]
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def is_journal(data: bytes) -> bool:
    """Whether this is a journal, whole or damaged, and no document."""
    return data.startswith(b'{"crc":')


def parse_journal(data: bytes, origin: TextOrigin) -> Journal:
    """The whole batches of a journal. A torn last line was never acknowledged and is dropped.

    Raises:
        StateError: a line before the last is damaged, or holds what this program does not know.
    """
    batches: list[Batch] = []
    length = 0
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            batches.append(_batch(line, f"line {number}", origin))
        except MalformedValue as damage:
            if isinstance(damage, _TornLine) and number == len(lines) and not rest:
                break
            why = f"{damage}; what was recorded from there on cannot be read"
            raise StateError("the state's journal is damaged", where=origin.where, why=why, fix=origin.fix) from None
        length += len(line) + 1
    return Journal(tuple(batches), length)


def replay(state: State, journal: Journal, origin: TextOrigin) -> State:
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
    return fold(state, *events)


class _TornLine(MalformedValue):
    """A line that was not written to its end, or has changed since."""


def _batch(line: bytes, at: str, origin: TextOrigin) -> Batch:
    match = _LINE.fullmatch(line)
    if not match or int(match[1], 16) != zlib.crc32(match[2]):
        raise _TornLine(f"{at}: its checksum does not fit")
    try:
        members = OBJECT(load(f"{{{match[2].decode()}"), at)
    except UnicodeDecodeError:
        raise MalformedValue(f"{at}: not UTF-8") from None
    version = TEXT(members.pop("format_version", FIRST), f"{at}.format_version")
    for upgrade in upgrades_from(version, origin.where):
        for data in objects(members.get("events")):
            upgrade.event(data)
    return BATCH(members, at)
