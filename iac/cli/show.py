"""`iac show`: one client: what is defined, what state knows, what the server holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from iac.cli.context import Shell
from iac.cli.format import FORMAT, show
from iac.cli.help import Example, Subcommand
from iac.core.errors import InputError
from iac.core.model import FIELDS, Fields
from iac.core.plan.identity import with_current_id
from iac.core.state.model import SecretStatus
from iac.views.drift import DISABLED
from iac.views.state import predecessor_text, predecessors_of, value_words

if TYPE_CHECKING:
    from iac.session import Session
    from iac.workflow.registrations import Reading


@click.command(
    "show",
    cls=Subcommand,
    page="reference/definition.md",
    examples=(
        Example("Compare definition, state and server", "iac show portal"),
        Example("See which file and line each value comes from", "iac show portal --provenance"),
    ),
)
@click.argument("name", metavar="ADDR_OR_CLIENT_ID")
@click.option("--provenance", is_flag=True, help="Show the file, line and layer of each value. Needs no login.")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, name: str, provenance: bool, view: str) -> int:
    """Show one client: its definition, what state holds, and what the server holds. Secrets are never shown."""
    if provenance:
        return _show_provenance(shell, name, view)
    from iac.wiring.sessions import Access, open_session  # brings in the adapters

    with open_session(shell, Access.READ) as session:
        found = _look_up(session, name)
    show(view, found, _lines(found))
    return 0


def _show_provenance(shell: Shell, name: str, view: str) -> int:
    """Neither state nor server is asked."""
    from iac.config.project import load_project  # with its only use
    from iac.config.provenance import read_provenance
    from iac.views.explanation import provenance_text

    told = read_provenance(load_project(shell.root), shell.environment, name)
    show(view, told.to_dict(), provenance_text(told).splitlines())
    return 0


def _look_up(session: Session, name: str) -> dict[str, Any]:
    from iac.workflow.registrations import reading  # not needed by --help

    with reading(session) as read:
        return _found(session, read, name)


def _found(session: Session, read: Reading, name: str) -> dict[str, Any]:
    state = read.state
    clients = session.desired.clients
    address = next((a for a, c in clients.items() if name in {a, c.client_id}), None)
    address = address or next((a for a, c in state.clients.items() if name in {a, *c.client_ids}), None)
    defined, held = clients.get(address or ""), state.clients.get(address or "")
    client_id = (with_current_id(defined, held).client_id if defined else "") or (held.client_id if held else "")
    client_id = client_id or ("" if defined else name)
    read.use_keys({client_id})
    seen = read.one(client_id) if client_id else None
    if defined is None and held is None and seen is None:
        raise InputError(
            "no client has this address or client_id, here or on the server",
            where=name,
            fix="`iac state list` lists addresses; the address is the path below clients.d without .yaml",
        )
    secret = held.secret if held else None
    return {
        "disabled": seen.is_disabled if seen else None,
        "address": address,
        "client_id": client_id,
        "location": str(defined.location) if defined else None,
        "definition": _values(defined.fields) if defined else None,
        "state": _values(held.applied) if held else None,
        "server": _values(seen.fields) if seen else None,
        "owners": list(seen.owners or ()) if seen else None,
        "secret": {
            "status": str(held.secret_status) if held else "not in state",
            "version": secret.version if secret else None,
            "since": secret.since if secret else None,
        },
        "applied_at": held.applied_at if held else None,
        "predecessors": predecessors_of(held) if held else [],
    }


def _values(fields: Fields) -> dict[str, Any]:
    values = {name: fields[name] for name in FIELDS if name in fields}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['address'] or '(not managed here)'}  client_id {found['client_id']}"
    if found["location"]:
        yield f"  defined at {found['location']}"
    if found["disabled"]:
        yield f"  {DISABLED}"
    secret = found["secret"]
    since = f", version {secret['version']} since {secret['since']}" if secret["since"] else ""
    fix = f"; to store it: iac secret set {found['address']}" if secret["status"] == SecretStatus.UNKNOWN else ""
    yield f"  secret {secret['status']}{since}{fix}"
    yield from (f"  {predecessor_text(old)}" for old in found["predecessors"])
    for source in ("definition", "state", "server"):
        values = found[source]
        yield f"{source}:" if values is not None else f"{source}: (none)"
        yield from (f"  {name:<32} {value_words(value)}" for name, value in (values or {}).items())
    if found["owners"]:
        yield f"owners: {' '.join(found['owners'])}"
