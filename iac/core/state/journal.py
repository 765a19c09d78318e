"""The journal beside a state document, as text. Pure; docs/reference/state.md shows it.

One JSON line for each group commit, so that a commit is there whole or not at all.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from iac.core.errors import StateError
from iac.core.state.codec import COUNT, OBJECT, TEXT, MalformedValue, ObjectShape, dump, event, items, load, to_json
from iac.core.state.document import TextOrigin, unwritable
from iac.core.state.model import FORMAT_VERSION, Event, State, fold
from iac.core.state.upgrade import FIRST, objects, upgrades_from

_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})",(.*\})', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one group commit recorded, and the document (lineage, serial) that it goes on from."""

    lineage: str
    run_id: str
    serial: int
    events: tuple[Event, ...]


BATCH = ObjectShape(Batch, events=items(event), lineage=TEXT, run_id=TEXT, serial=COUNT)


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read: its whole batches, and how many bytes of it they take (what follows is a torn commit)."""

    batches: tuple[Batch, ...] = ()
    length: int = 0


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
    body = dump({"format_version": FORMAT_VERSION, **to_json(batch)}).encode()[1:]
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
    return fold_all(state, events)


def fold_all(state: State, events: Sequence[Event]) -> State:
    """The state after all these events, in order."""
    return reduce(fold, events, state)


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
