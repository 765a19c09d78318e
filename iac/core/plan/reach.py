"""What the API at hand cannot do for a client, said before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from msgspec.structs import replace

from iac.core import server
from iac.core.desired import DesiredClient
from iac.core.errors import Diagnostic, Severity
from iac.core.model import Facts, Fields, UnreadReason, members
from iac.core.plan import guards
from iac.core.plan.change import Action, Change, SecretStep
from iac.core.plan.plan import Draft
from iac.core.state.model import ClientState


def facts_for(draft: Draft, stored: ClientState | None) -> Facts:
    """The server as one client meets it: a registration access token logs nobody in."""
    facts = draft.actual.facts
    return facts if stored is None or stored.rat is None else replace(facts, is_anonymous=True)


def doubtful(draft: Draft, fields: Fields) -> Fields:
    """The fields without the scopes of which the project says that self service grants them."""
    if not draft.desired.grantable:
        return fields
    return {**fields, "scope": tuple(sorted(scope for scope in _scopes(fields) if not _is_grantable(draft, scope)))}


def _is_grantable(draft: Draft, scope: str) -> bool:
    return any(fnmatchcase(scope, pattern) for pattern in draft.desired.grantable)


_UNREAD = {
    UnreadReason.NO_KEY: (
        "not-read",
        "its registration access token is sealed, and no key of the state is available",
        "provide the identity of the state",
    ),
    UnreadReason.NOT_STORED: (
        "not-read",
        "reading it may replace its registration access token, and this run cannot store a new one",
        "plan where the state can be locked and written, or see what apply plans",
    ),
    UnreadReason.NO_ADDRESS: (
        "create-only",
        "the server gave no registration_client_uri of its own, or no token (RFC 7592)",
        "",
    ),
}
"""Id, why and fix of a finding; of the other reasons there is more to say."""


def find_unread(draft: Draft) -> Iterator[Diagnostic]:
    """A finding for each client that was not read: it is compared with what was last applied."""
    for address, client in sorted(draft.state.clients.items()):
        if not draft.options.wants(address):
            continue
        for client_id in client.client_ids:
            if partial := draft.actual.partial.get(client_id):
                why = f"the server's answer about {client_id} is invalid ({partial.invalid_words})"
                yield _unread(draft, address, "not-understood", why, "have an administrator correct it at the server")
        if (reason := draft.actual.unread.get(client.client_id)) in _UNREAD:
            yield _unread(draft, address, *_UNREAD[reason])


def _unread(draft: Draft, address: str, rule: str, why: str, fix: str) -> Diagnostic:
    client = draft.desired.clients.get(address)
    place = client.location if client else None
    summary = "not read from the server: compared with what was last applied"
    return Diagnostic(rule, summary, place, why, fix, Severity.WARNING, address)


def guard_not_understood(draft: Draft) -> None:
    """Nothing is done to a client that was not understood, and no interrupted write of it is taken for done.

    It is compared with what was last applied, as any client that was not read: a change that this would make, or its
    being forgotten, needs it not; what is sent would rest on it.
    """
    for client_id, observed in sorted(draft.actual.partial.items()):
        sending = {address for address, change in draft.changes.items() if _sends(change, client_id)}
        open_writes = {address for address, intent in draft.state.intents.items() if intent.client_id == client_id}
        for address in sorted(sending | {address for address in open_writes if draft.options.wants(address)}):
            draft.guards.append(guards.not_understood(address, client_id, observed.invalid_words))


def _sends(change: Change, client_id: str) -> bool:
    is_meant = client_id in {change.client_id, *(old.client_id for old in change.leaving)}
    return is_meant and change.action is not Action.FORGET


def guard_new(draft: Draft, client: DesiredClient, stored: ClientState | None) -> None:
    """A create where the server chooses the id: never one that may be the second."""
    if client.address in draft.named:
        draft.guards.append(
            guards.guard(
                "client-id-not-chosen",
                f"this login finds no client with client_id {client.client_id}",
                [client.address],
                why="with this provider the server chooses the ids of new clients",
                value=client.client_id,
                setting="remove client_id from the definition of a new client; for a registered one correct it, or the"
                " login",
                field="client_id",
            )
        )
    if client.address in draft.options.recreate or guard_lost(draft, client):
        return
    if stored is not None:
        draft.guards.append(out_of_reach(draft, client.address, stored.client_id))


def guard_change(draft: Draft, change: Change, stored: ClientState | None) -> None:
    """A change of a registered client."""
    is_write = change.writes_fields or change.step is not SecretStep.NOTHING
    if is_write and draft.actual.unread.get(change.client_id) is UnreadReason.NO_ADDRESS:
        draft.guards.append(guards.create_only(change.address, change.client_id))
    if change.step is SecretStep.ROTATE and not server.can_rotate(facts_for(draft, stored)):
        others = "provider: iam-admin, iac redeem (IAM from 1.14), or " if draft.desired.api.is_iam else ""
        others += "lifecycle: {rotation: replace} in the definition, or " if draft.desired.api.can_replace else ""
        draft.guards.append(
            guards.guard(
                "no-rotation",
                "the client needs a new secret, and this login cannot make one",
                [change.address],
                why=draft.desired.api.why_no_rotation,
                value=change.client_id,
                setting=f"{others}a new client under another address",
                field="secret.serial",
            )
        )
    scopes = sorted(_stripped(draft, change, stored)) if change.writes_fields else []
    if scopes:  # IAM issue 461
        draft.guards.append(
            guards.guard(
                "scope-would-be-stripped",
                f"an update would take away scopes: {' '.join(scopes)}",
                [change.address],
                why="somebody else may have granted them, and an update by self service drops those that this login"
                " cannot grant",
                value=change.client_id,
                setting=f"grantable_scopes: [{', '.join(scopes)}] in iac.yaml if self service grants them; else"
                " iam-admin",
                field="scope",
            )
        )


def _stripped(draft: Draft, change: Change, stored: ClientState | None) -> Iterator[str]:
    """Scopes that are there and are to stay, and that this login has not been seen to grant."""
    there = _scopes(change.observed.fields) if change.observed else frozenset[str]()
    is_sent = change.desired is not None and "scope" in change.desired.managed
    kept = there & _scopes(change.desired.fields) if change.desired and is_sent else there
    is_ours = stored is not None and stored.provider == draft.desired.api.provider
    granted = _scopes(stored.applied) if stored is not None and is_ours else frozenset()
    stripped = server.stripped_scopes(kept - granted, draft.actual.facts)
    return (scope for scope in stripped if not _is_grantable(draft, scope))


def _scopes(fields: Fields) -> frozenset[str]:
    return frozenset(members(fields.get("scope")))


def guard_lost(draft: Draft, client: DesiredClient) -> bool:
    """A create that may have been sent, and whose answer is lost; perhaps that of a client in the place of another."""
    intent = draft.state.intents.get(client.address)
    if intent is None or not intent.may_be_lost or client.address in draft.options.recreate:
        return False
    name = str(client.fields.get("client_name", ""))
    client_ids = draft.actual.found.get(client.address, ())
    draft.guards.append(guards.lost_create(client.address, intent.at, name, client_ids))
    return True


def out_of_reach(draft: Draft, address: str, client_id: str) -> Diagnostic:
    """A client of state that is not there, or cannot be reached any more: what is known of why."""
    intent = draft.state.intents.get(address)
    if intent is not None and intent.action == Action.UPDATE and draft.actual.facts.api.renews_tokens:
        return guards.lost_update(address, client_id, intent.at)
    if draft.actual.unread.get(client_id) is UnreadReason.REFUSED:
        return guards.token_refused(address, client_id)
    return guards.guard(
        "deleted-on-server",
        f"{client_id} was deleted on the server, or its registration access token or owner has changed",
        [address],
        why="a client that is created again has a new client_id, and a new secret if it has one",
        value=client_id,
        setting=f"iac secret token {address}, if there is a new token;"
        f" or removed: [{{address: {address}, then: forget}}]",
        flag=f"--recreate {address}",
    )
