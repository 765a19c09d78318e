"""Formats of state before the one that is written: each is read as the next one, up to that. Pure.

A document and each batch of a journal name their format. A new format is one row of `CHAIN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iac.core.errors import StateError
from iac.core.state.codec import MalformedValue, Object
from iac.core.state.model import FORMAT_VERSION

FIRST = "1.0"
"""The format of a batch that names none."""

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Upgrade:
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
