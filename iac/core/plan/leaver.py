"""What is done to addresses that have no definition any more. Pure."""

from __future__ import annotations

from iac.core.desired import Removed, Then
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, Leaving, SecretChange
from iac.core.plan.draft import Draft
from iac.core.plan.output import Rendered
from iac.core.registration import Unread
from iac.core.state.keys import kid_in_use
from iac.core.state.model import ClientState, SecretStatus, State


def plan_leavers(draft: Draft) -> None:
    """Delete or forget what `removed:` names; refuse what it does not."""
    removed = {entry.address: entry for entry in draft.desired.removed}
    for address, client in sorted(draft.state.clients.items()):
        if address in draft.desired.clients or not draft.options.wants(address):
            continue
        if address in removed:
            draft.changes[address] = _leave(draft, removed[address], client)
        else:
            draft.guards.append(guards.missing_definition(address, client.client_id))
            draft.after[address] = as_rendered(draft.state, address)


def guard_orphans(draft: Draft) -> None:
    """A client that an interrupted run registered, and whose definition is gone since, is never left unsaid."""
    known = {client.client_id for client in draft.desired.clients.values()}
    known |= {name for client in draft.state.clients.values() for name in client.client_ids}
    known |= {change.client_id for change in draft.changes.values()}
    for address, intent in sorted(draft.state.intents.items()):
        if intent.client_id in draft.actual.registrations and intent.client_id not in known:
            draft.guards.append(guards.orphan(address, intent.client_id))
        if not intent.client_id and intent.action == Action.CREATE and address not in draft.desired.clients:
            draft.guards.append(guards.lost_without_definition(address, intent.at))


def _leave(draft: Draft, entry: Removed, client: ClientState) -> Change:
    seen = draft.actual.registrations.get(client.client_id)
    is_registered = any(name in draft.actual.registrations for name in client.client_ids)
    is_delete = entry.then is Then.DELETE and is_registered
    reads_all = draft.actual.facts.api.reads_all
    gone = "already gone from the server" if reads_all else "gone from the server, or out of reach"
    if is_delete:
        if draft.actual.unread.get(client.client_id) is Unread.NO_ADDRESS:
            draft.guards.append(guards.create_only(entry.address, client.client_id))
        if client.prevent_destroy:
            draft.guards.append(guards.protects(entry.address, client.client_id))
        draft.guard_protected(entry.address, client.client_id, seen)
    return Change(
        address=entry.address,
        client_id=client.client_id,
        client_name=str(client.applied.get("client_name", "")),
        action=Action.DELETE if is_delete else Action.FORGET,
        reason=_reason(entry, client, "" if is_registered else gone),
        location=entry.location,
        secret=SecretChange.ERASED if is_delete and client.secret else SecretChange.NONE,
        observed=seen,
        leaving=_predecessors(draft, client) if is_delete else (),
    )


def _reason(entry: Removed, client: ClientState, gone: str) -> str:
    reason = gone or f"removed: then {entry.then}"
    beside = " and ".join(old.client.client_id for old in client.predecessors)
    return f"{reason}, with {beside}, still registered beside it" if beside else reason


def _predecessors(draft: Draft, client: ClientState) -> tuple[Leaving, ...]:
    seen = draft.actual.registrations
    names = (old.client.client_id for old in client.predecessors)
    return tuple(Leaving(name, seen.get(name)) for name in names)


def as_rendered(state: State, address: str) -> Rendered:
    """A client as outputs see it when nothing is done to it."""
    client = state.clients[address]
    kid = kid_in_use(state.keys, address, client.applied)
    if client.secret_status is SecretStatus.UNKNOWN:
        return Rendered(client.client_id, client.applied, None)
    return Rendered(client.client_id, client.applied, client.secret.version if client.secret else 0, kid)
