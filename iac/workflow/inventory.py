"""Every client of the server beside what this project knows of it: one list, no lock, no key of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from iac.core.errors import InputError
from iac.core.inventory import (
    ClientRecord,
    ClientStatus,
    Filter,
    Inventory,
    InventoryRow,
    ends_by,
    gone_row,
    registered_row,
)
from iac.core.model import InvalidMember, Registration
from iac.core.plan.change import Action
from iac.core.policy.transition import NEAR
from iac.core.state.model import State
from iac.session import Session


def read_inventory(session: Session, wanted: Filter, *, with_owners: bool) -> Inventory:
    """The clients that are wanted.

    Args:
        session: the project and its server.
        wanted: which of them.
        with_owners: whether owners are read, which is one request for each client that the rest of `wanted` leaves.

    Raises:
        InputError: what is asked for cannot be told: the server does not say when clients are used.
    """
    known = _known(session, session.backend.load())
    login = session.desired.login_client_id

    def make(seen: Registration) -> InventoryRow | Registration:
        return seen if seen.invalid_members else registered_row(seen, known.get(seen.client_id, ClientRecord()), login)

    listed = session.provider.list_clients(make)
    rows = _distinct(one for one in listed if isinstance(one, InventoryRow))
    left_out = {one.client_id: one for one in listed if not isinstance(one, InventoryRow)}
    there = {row.client_id for row in rows} | left_out.keys()
    rows += [row for client_id, one in known.items() if client_id not in there and (row := gone_row(one))]
    is_use_known = any(row.last_used for row in rows)
    if wanted.stale is not None and not is_use_known:
        raise InputError(
            "it is not known which clients are stale",
            where=session.desired.issuer,
            why="this server does not say when clients were last used; IAM keeps that only when it is told to",
            fix="leave --stale out, or have the IAM's administrator switch on the tracking of last used clients",
        )
    now = session.clock.now()
    kept = [row for row in rows if wanted.wants(row, now)]
    if with_owners or wanted.is_ownerless:
        kept, unclear = _with_owners(session, kept, wanted)
        left_out |= {one.client_id: one for one in unclear}
    return Inventory(
        session.desired.environment,
        session.desired.issuer,
        tuple(kept),
        Counter(row.standing for row in rows),
        is_use_known,
        tuple(left_out.values()),
        tuple(_troubled(kept, now + NEAR)),
    )


def _troubled(rows: Iterable[InventoryRow], end: datetime) -> Iterator[str]:
    there = [row for row in rows if row.standing is not ClientStatus.GONE]
    if not all(row.is_active for row in there):
        yield "active"
    if any(ends_by(row, end) for row in there):
        yield "expires"


def _known(session: Session, state: State) -> Mapping[str, ClientRecord]:
    """What the project knows, by client_id."""
    outputs: dict[str, list[str]] = {}
    for spec in session.desired.outputs:
        for address in spec.clients:
            outputs.setdefault(address, []).append(spec.id)
    known = {
        intent.client_id: ClientRecord(address, standing=ClientStatus.INTERRUPTED)
        for address, intent in state.intents.items()
        if intent.action == Action.CREATE and intent.client_id
    }
    known |= {
        old.client.client_id: ClientRecord(address, old.client, standing=ClientStatus.REPLACED)
        for address, held in state.clients.items()
        for old in held.predecessors
    }
    for address, held in state.clients.items():
        known[held.client_id] = ClientRecord(
            address,
            held,
            session.desired.clients.get(address),
            tuple(outputs.get(address, ())),
            ClientStatus.MANAGED,
        )
    return known


def _distinct(rows: Iterable[InventoryRow]) -> list[InventoryRow]:
    """Each client once: a list that grows while it is read has some twice. Those without an id are all different."""
    listed = list(rows)
    by_id = {row.client_id: row for row in listed if row.client_id}
    return [*by_id.values(), *(row for row in listed if not row.client_id)]


def _with_owners(
    session: Session, rows: list[InventoryRow], wanted: Filter
) -> tuple[list[InventoryRow], list[Registration]]:
    """The rows with their owners, and the clients whose owners could not be understood."""
    ids = [row.client_id for row in rows if row.client_id and row.standing is not ClientStatus.GONE]
    owners = session.provider.owners_of(ids)
    unclear = {name: said for name, said in owners.items() if isinstance(said, InvalidMember)}
    known = {name: said for name, said in owners.items() if not isinstance(said, InvalidMember)}
    told = [replace(row, owners=known.get(row.client_id)) for row in rows if row.client_id not in unclear]
    kept = [row for row in told if row.owners == ()] if wanted.is_ownerless else told
    return kept, [Registration(name, {}, invalid_members=(invalid,)) for name, invalid in unclear.items()]
