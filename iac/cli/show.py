"""`iac show`: one client: what is defined, what state knows, what the server holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from iac.cli.context import CommandContext, show
from iac.cli.options import FORMAT, Example, Subcommand, complete_addresses
from iac.core.errors import InputError
from iac.core.model import Fields, Registration, UnreadReason, as_json, in_order
from iac.core.plan.identity import with_current_id
from iac.core.rotation import secret_end, written
from iac.core.server import client_id_problem
from iac.core.state.codec import without_credentials
from iac.core.state.model import ClientState, SecretStatus
from iac.core.text import nearest
from iac.views.drift import DISABLED, OUT_OF_REACH
from iac.views.state import predecessor_text, predecessors_of, value_words

if TYPE_CHECKING:
    from iac.session import Session
    from iac.workflow.registrations import RegistrationReader


@click.command(
    "show",
    cls=Subcommand,
    page="reference/definition.md",
    examples=(
        Example("Compare definition, state and server", "iac show portal"),
        Example("See which file and line each value comes from", "iac show portal --provenance"),
    ),
)
@click.argument("name", metavar="ADDR_OR_CLIENT_ID", shell_complete=complete_addresses)
@click.option("--provenance", is_flag=True, help="Show the file, line and layer of each value. Needs no login.")
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, name: str, provenance: bool, view: str) -> None:
    """Show one client: its definition, what state holds, and what the server holds. Secrets are never shown."""
    if provenance:
        from iac.config.project import load_project  # with its only use
        from iac.config.provenance import read_provenance
        from iac.views.explanation import provenance_text

        told = read_provenance(load_project(context.root), context.environment, name)
        show(view, told.to_dict(), provenance_text(told).splitlines())
        return
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.registrations import reading

    with open_session(context, Access.READ, may_be_empty=True) as session, reading(session) as read:
        client = _found(session, read, name)
    show(view, client, _lines(client))


def _found(session: Session, read: RegistrationReader, name: str) -> dict[str, Any]:
    state = read.state
    clients = session.desired.clients
    known = [
        *((one, client.client_id) for one, client in clients.items()),
        *((one, client_id) for one, client in state.clients.items() for client_id in client.client_ids),
        *((one, intent.client_id) for one, intent in state.intents.items()),
    ]
    address = next((one for one, client_id in known if name in {one, client_id}), None)
    defined, stored = clients.get(address or ""), state.clients.get(address or "")
    intent = state.intents.get(address or "")
    client_id = (with_current_id(defined, stored).client_id if defined else "") or (stored.client_id if stored else "")
    client_id = client_id or (intent.client_id if intent else "" if defined else name)
    read.use_keys({client_id})
    is_asked = client_id and client_id_problem(client_id, session.desired.api, is_new=False) is None
    seen = read.one(client_id) if is_asked else None
    registration = seen if isinstance(seen, Registration) else None
    if defined is None and stored is None and intent is None and registration is None:
        raise InputError(
            "no client has this address or client_id, here or on the server",
            where=name,
            fix=nearest(name, [*clients, *state.clients]) or "iac list lists the clients of project and server",
        )
    return {
        "interrupted": {"action": intent.action, "client_id": intent.client_id, "at": intent.at} if intent else None,
        "unread": seen if isinstance(seen, UnreadReason) and stored else None,
        "disabled": registration.is_disabled if registration else None,
        "address": address,
        "client_id": client_id,
        "location": str(defined.location) if defined else None,
        "definition": _values(defined.fields) if defined else None,
        "state": _values(stored.applied) if stored else None,
        "server": _values(without_credentials(registration.fields)) if registration else None,
        "owners": list(registration.owners or ()) if registration else None,
        "secret": _secret(session, stored, registration),
        "applied_at": stored.applied_at if stored else None,
        "predecessors": predecessors_of(stored) if stored else [],
    }


def _secret(session: Session, stored: ClientState | None, registration: Registration | None) -> dict[str, Any]:
    secret = stored.secret if stored else None
    # What the others show may be a mask or a hash.
    shown = registration.secret if registration and session.desired.api.shows_true_secrets else None
    end = secret_end((registration.answer if registration else None) or (stored.answer if stored else None))
    return {
        "status": str(stored.secret_status) if stored else "not in state",
        "version": secret.version if secret else None,
        "since": secret.since if secret else None,
        "ends": written(end) if end else None,
        "differs": not secret.holds(shown) if secret and shown else None,
    }


def _values(fields: Fields) -> dict[str, Any]:
    return {name: as_json(fields[name]) for name in in_order(fields)}


def _lines(client: dict[str, Any]) -> Iterator[str]:
    yield f"{client['address'] or '(not managed here)'}  client_id {client['client_id']}"
    if client["location"]:
        yield f"  defined at {client['location']}"
    if interrupted := client["interrupted"]:
        yield f"  {interrupted['action']} of {interrupted['at']} was interrupted; iac plan says how it goes on"
    if client["disabled"]:
        yield f"  {DISABLED}"
    secret = client["secret"]
    since = f", version {secret['version']} since {secret['since']}" if secret["since"] else ""
    fix = f"; to store it: iac secret set {client['address']}" if secret["status"] == SecretStatus.UNKNOWN else ""
    ends = f", ends at {secret['ends']}" if secret["ends"] else ""
    yield f"  secret {secret['status']}{since}{ends}{fix}"
    if secret["differs"]:
        yield "  the server has another secret; iac plan says what apply does about it"
    yield from (f"  {predecessor_text(old)}" for old in client["predecessors"])
    reasons = {
        None: "(none)",
        UnreadReason.REFUSED: f"(none) {OUT_OF_REACH};"
        f" fix: iac secret token {client['address']}, if there is a new token",
    }
    nothing = reasons.get(client["unread"], "(not read: iac plan says why)")
    for source in ("definition", "state", "server"):
        values = client[source]
        yield f"{source}:" if values is not None else f"{source}: {nothing if source == 'server' else '(none)'}"
        yield from (f"  {name:<32} {value_words(value)}" for name, value in (values or {}).items())
    if client["owners"]:
        yield f"owners: {' '.join(client['owners'])}"
