"""`removed` and `moved` of iac.yaml: addresses that leave or change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from iac.config.catalogue import mistake
from iac.config.document import Document
from iac.config.event import Pointer
from iac.config.layers import overrides
from iac.core.desired import Moved, Removed, Then
from iac.core.diagnostics import Diagnostic


def parse_removed(document: Document, value: Mapping[str, Any], environment: str) -> Iterator[Removed]:
    """The entries of `removed` of the project and of one environment."""
    for pointer, entry in _removed(value, environment):
        yield Removed(entry["address"], Then(entry["then"]), document.at(*pointer))


def parse_moved(document: Document, value: Mapping[str, Any]) -> Iterator[Moved]:
    """The entries of `moved`."""
    for index, entry in enumerate(value.get("moved", ())):
        yield Moved(entry["from"], entry["to"], document.at("moved", index))


def check_removed(
    document: Document, value: Mapping[str, Any], environment: str, addresses: Collection[str]
) -> Iterator[Diagnostic]:
    """An address that leaves has no definition and is there once."""
    seen: set[str] = set()
    for pointer, entry in _removed(value, environment):
        address, where = entry["address"], document.at(*pointer, "address")
        if address in seen:
            yield mistake("removed-twice", f"{address} is removed twice", where, fix="delete one of the entries")
        if address in addresses:
            fix = "delete the definition, or this entry"
            summary = f"{address} is removed and has a definition in environment {environment}"
            yield mistake("removed-still-defined", summary, where, fix=fix)
        seen.add(address)


def check_moved(document: Document, value: Mapping[str, Any], addresses: Collection[str]) -> Iterator[Diagnostic]:
    """A move goes from an address without a definition to one with, and each address is in one move."""
    seen: set[str] = set()
    for index, entry in enumerate(value.get("moved", ())):
        source, target = entry["from"], entry["to"]
        if source in addresses:
            where, fix = document.at("moved", index, "from"), f"delete the definition {source}, or this entry"
            yield mistake("moved-source-exists", f"{source} is moved and still has a definition", where, fix=fix)
        if target not in addresses:
            where, fix = document.at("moved", index, "to"), f"move the file to clients.d/{target}.yaml"
            yield mistake(
                "moved-target-missing", f"{source} is moved to {target}, which has no definition", where, fix=fix
            )
        for address in {source, target} & seen:
            where = document.at("moved", index)
            yield mistake("moved-twice", f"{address} is in two moves", where, fix="write one move from first to last")
        seen |= {source, target}


def _removed(value: Mapping[str, Any], environment: str) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for index, entry in enumerate(value.get("removed", ())):
        yield ("removed", index), entry
    for index, entry in enumerate(overrides(value, environment).get("removed", ())):
        yield ("environments", environment, "removed", index), entry
