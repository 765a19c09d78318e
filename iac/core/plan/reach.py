"""What the API at hand cannot do for a client, said before anything is sent. Pure."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from iac.core import server
from iac.core.diagnostics import Severity
from iac.core.plan import guards
from iac.core.plan.change import Action, Finding, SecretStep
from iac.core.registration import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.plan.change import Change
    from iac.core.plan.draft import Draft
    from iac.core.registration import Facts
    from iac.core.state.model import ClientState


def facts_for(draft: Draft, last: ClientState | None) -> Facts:
    """Which server this is for one client: who comes with a registration access token comes as nobody."""
    facts = draft.actual.facts
    return facts if last is None or last.rat is None else replace(facts, is_anonymous=True)


def doubtful(draft: Draft, fields: Fields) -> Fields:
    """The fields without the scopes of which the project says that self service grants them."""
    if not draft.desired.grantable:
        return fields
    return {**fields, "scope": tuple(sorted(scope for scope in _scopes(fields) if not _is_grantable(draft, scope)))}


def _is_grantable(draft: Draft, scope: str) -> bool:
    return any(fnmatchcase(scope, pattern) for pattern in draft.desired.grantable)


def find_unread(draft: Draft) -> Iterator[Finding]:
    """A finding for each client that was not read: it is compared with what was last applied."""
    for address, client in sorted(draft.state.clients.items()):
        if not draft.options.wants(address):
            continue
        compared = f"{address} was not read, it is compared with what was last applied"
        for client_id in client.client_ids:
            if client_id in draft.actual.partial:
                problem = draft.actual.partial[client_id].misfit_words
                message = f"{compared}: what the server says of {client_id} makes no sense ({problem})"
                yield Finding("not-understood", Severity.WARNING, message)
        match draft.actual.unread.get(client.client_id):
            case Unread.NO_KEY:
                why = "its registration access token is sealed, and no key of the state is at hand"
                yield Finding("not-read", Severity.WARNING, f"{compared}: {why}")
            case Unread.NO_ADDRESS:
                why = "the server gave no registration_client_uri of its own, or no token (RFC 7592)"
                yield Finding("create-only", Severity.WARNING, f"{compared}: {why}")


def guard_not_understood(draft: Draft) -> None:
    """Nothing is done to a client that was not understood, and no interrupted write of it is taken for done.

    It is compared with what was last applied, as any client that was not read: a change that this would make, or its
    being forgotten, needs it not; what is sent would rest on it.
    """
    for client_id, seen in sorted(draft.actual.partial.items()):
        sending = {address for address, change in draft.changes.items() if _sends(change, client_id)}
        open_writes = {address for address, intent in draft.state.intents.items() if intent.client_id == client_id}
        for address in sorted(sending | {address for address in open_writes if draft.options.wants(address)}):
            draft.guards.append(guards.not_understood(address, client_id, seen.misfit_words))


def _sends(change: Change, client_id: str) -> bool:
    is_meant = client_id in {change.client_id, *(old.client_id for old in change.leaving)}
    return is_meant and change.action is not Action.FORGET


def guard_new(draft: Draft, client: DesiredClient, last: ClientState | None) -> None:
    """A create where the server chooses the id: never one that may be the second."""
    intent = draft.state.intents.get(client.address)
    if client.address in draft.named:
        draft.guards.append(guards.not_registered(client.address, client.client_id))
    if client.address in draft.options.recreate:
        return
    if intent is not None:
        name = str(client.fields.get("client_name", ""))
        found = draft.actual.found.get(client.address, ())
        draft.guards.append(guards.lost_create(client.address, intent.at, name, found))
    elif last is not None:
        draft.guards.append(guards.unreachable(client.address, last.client_id))


def guard_change(draft: Draft, change: Change, last: ClientState | None) -> None:
    """A change of a registered client."""
    is_write = change.writes_fields or change.step is not SecretStep.NOTHING
    if is_write and draft.actual.unread.get(change.client_id) is Unread.NO_ADDRESS:
        draft.guards.append(guards.create_only(change.address, change.client_id))
    if change.step is SecretStep.ROTATE and not server.can_rotate(facts_for(draft, last)):
        draft.guards.append(guards.no_rotation(change.address, change.client_id, draft.desired.api.why_no_rotation))
    scopes = sorted(_stripped(draft, change, last)) if change.writes_fields else []
    if scopes:
        draft.guards.append(guards.strips_scopes(change.address, change.client_id, scopes))


def _stripped(draft: Draft, change: Change, last: ClientState | None) -> Iterator[str]:
    """Scopes that are there and are to stay, and that this login has not been seen to grant."""
    there = _scopes(change.observed.fields) if change.observed else frozenset[str]()
    is_sent = change.desired is not None and "scope" in change.desired.managed
    kept = there & _scopes(change.desired.fields) if change.desired and is_sent else there
    is_ours = last is not None and last.provider == draft.desired.api.provider
    granted = _scopes(last.applied) if last is not None and is_ours else frozenset()
    for scope in server.stripped_scopes(kept - granted, draft.actual.facts):
        if not _is_grantable(draft, scope):
            yield scope


def _scopes(fields: Fields) -> frozenset[str]:
    value = fields.get("scope", ())
    return frozenset(value) if isinstance(value, tuple) else frozenset()
