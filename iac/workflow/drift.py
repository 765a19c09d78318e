"""What somebody changed on the server since the last apply, and definitions that take it over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.config.edit.splice import DefinitionFile, make_edit, write_edits
from iac.config.project import load_project
from iac.core.drift import Drift, find_drift
from iac.core.errors import Diagnostic, InputError, Location, Severity
from iac.core.plan.change import FieldChange
from iac.core.plan.identity import find_moves, move
from iac.core.policy import ReviewContext, review_drift
from iac.core.text import listed
from iac.session import Session
from iac.workflow.registrations import reading


def read_drift(session: Session, targets: Collection[str] = ()) -> Drift:
    """What somebody changed on the server since the last apply, and what policy says of it.

    Raises:
        InputError: a target is no address of the project.
    """
    with reading(session) as read:
        actual = read.actual(session.options(targets))
    drift = find_drift(session.desired, read.state, actual, targets)
    state = move(read.state, find_moves(session.desired, read.state))
    there = {
        address: actual.registrations[client.client_id]
        for address, client in state.clients.items()
        if client.client_id in actual.registrations and (not targets or address in targets)
    }
    has_scopes = any(field.name == "scope" for client in drift.clients for field in client.fields)
    scopes = session.provider.known_scopes() if has_scopes else frozenset[str]()
    return review_drift(drift, session.desired, ReviewContext(session.clock.now().date(), scopes, there))


class AcceptedField(Struct, frozen=True):
    """One field of a definition that has the server's value now.

    Attributes:
        location: where it stands.
        environments: those that it counts for.
    """

    address: str
    field: FieldChange
    location: Location
    environments: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "address": self.address,
            "location": self.location.to_dict(),
            "environments": list(self.environments),
            **self.field.to_dict(),
        }


def accept(
    root: Path, drift: Drift, sources: Mapping[str, DefinitionFile]
) -> tuple[list[AcceptedField], list[Diagnostic]]:
    """Write the server's values into the definitions of the clients that drifted; what policy says stands with them.

    Args:
        root: the project's folder.
        drift: of these clients alone.
        sources: their files by address, as they were before the server was asked.

    Raises:
        InputError: a client is gone, policy refuses a value, or a file cannot have it; that file is as before.
    """
    if gone := [client for client in drift.clients if client.gone]:
        first = "iac secret token ADDR, if there is a new token; or " if gone[0].may_be_there else ""
        raise InputError(
            f"a client that is {gone[0].words} has no values to accept, nothing is written",
            where=listed(client.address for client in gone),
            fix=f"run {first}iac apply --recreate ADDR to create it again, or list it under removed: in iac.yaml",
        )
    _refuse_by_policy(drift)
    edits = {
        client: make_edit(
            sources[client.address], drift.environment, {field.name: field.after for field in client.fields}
        )
        for client in drift.clients
        if client.fields
    }
    write_edits(root, edits.values())
    settings = load_project(root).environments.values()
    accepted = [
        AcceptedField(
            client.address,
            field,
            edit.places[field.name],
            edit.reach(field.name, [one.environment for one in settings if one.selects(client.address)]),
        )
        for client, edit in edits.items()
        for field in client.fields
    ]
    places = {(one.address, one.field.name): one.location for one in accepted}
    return accepted, [
        replace(finding, location=places.get((finding.where, finding.details["field"]), finding.location))
        for client in drift.clients
        for finding in client.findings
    ]


def _refuse_by_policy(drift: Drift) -> None:
    """What policy would refuse in a change of the definition does not come in by the server."""
    if refused := [
        finding
        for client in drift.clients
        for finding in client.findings
        if finding.severity is Severity.ERROR and finding.details["field"] in {field.name for field in client.fields}
    ]:
        raise InputError(
            "policy refuses the server's values, nothing is written",
            where=listed(dict.fromkeys(finding.where for finding in refused)),
            why=listed((f"{finding.summary} [{finding.id}]" for finding in refused), "; "),
            fix="run iac apply to make the client as defined, or waive the finding in its definition, with the reason",
        )
