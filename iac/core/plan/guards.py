"""Limits that refuse a plan. Each names limit, value, setting and flag, so that every refusal has a way on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.limits import listed
from iac.core.plan.change import Action, Change
from iac.core.plan.plan import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iac.core.desired import DesiredClient, Limits


def on_counts(changes: Sequence[Change], limits: Limits) -> list[Guard]:
    """max_deletes and max_updates."""
    deleted = [change.address for change in changes for _ in range(change.deletions)]
    return [
        *_count("max-deletes", "limits.max_deletes", limits.max_deletes, deleted),
        *_count("max-updates", "limits.max_updates", limits.max_updates, _of(changes, Action.UPDATE, Action.ROTATE)),
    ]


def _of(changes: Iterable[Change], *actions: Action) -> list[str]:
    return [change.address for change in changes if change.action in actions]


def _count(name: str, setting: str, limit: int | None, addresses: list[str]) -> list[Guard]:
    """An address is there once for each client."""
    if limit is None or len(addresses) <= limit:
        return []
    return [
        Guard(
            id=name,
            message=f"{len(addresses)} clients are more than {setting} allows",
            addresses=tuple(dict.fromkeys(addresses)),
            limit=str(limit),
            value=str(len(addresses)),
            setting=f"{setting}: {len(addresses)} in iac.yaml",
        )
    ]


def renamed(desired: DesiredClient, before: str) -> Guard:
    """The client is in state under an address that has no definition any more: its file was moved."""
    return Guard(
        id="moved-unsaid",
        message=f"client_id {desired.client_id} is in state as {before}, which has no definition any more",
        addresses=(desired.address,),
        value=before,
        setting=f"moved: [{{from: {before}, to: {desired.address}}}] in iac.yaml, if the file was moved",
    )


def taken(desired: DesiredClient) -> Guard:
    """The client_id is registered, but this project did not make it."""
    return Guard(
        id="client-id-taken",
        message=f"client_id {desired.client_id} is registered already and in no state",
        addresses=(desired.address,),
        value=desired.client_id,
        setting=f"adopt: true in {desired.location.file}, if this registration is yours to manage",
    )


def held_elsewhere(desired: DesiredClient, holder: str) -> Guard:
    """The client_id is that of another address's client, or of a predecessor of it."""
    return Guard(
        id="client-of-another-address",
        message=f"client_id {desired.client_id} belongs to {holder}, as its client or as one that it has replaced",
        addresses=(desired.address,),
        value=holder,
        setting=f"another client_id; or removed: [{{address: {holder}, then: forget}}] in iac.yaml for the other",
    )


def foreign(address: str, client_id: str, why: str) -> Guard:
    """A client that is never touched."""
    return Guard(
        id="protected-client",
        message=f"client_id {client_id} is not to be managed: it is {why}",
        addresses=(address,),
        value=client_id,
        setting="another client_id, or take the definition out",
    )


def missing_definition(address: str, client_id: str) -> Guard:
    """A vanished file is no consent."""
    return Guard(
        id="missing-definition",
        message=f"{address} is in state and has no definition",
        addresses=(address,),
        value=client_id,
        setting=f"removed: [{{address: {address}, then: delete}}] (or then: forget, or moved:) in iac.yaml",
    )


def orphan(address: str, client_id: str) -> Guard:
    """An interrupted run registered a client that no definition names any more."""
    return Guard(
        id="orphaned-create",
        message=f"{client_id} was registered by an interrupted run as {address}, and no definition names it any more",
        addresses=(address,),
        value=client_id,
        setting=f"put the definition of {address} with this client_id back and apply; then it can change or go",
    )


def gone(address: str, client_id: str) -> Guard:
    """Somebody deleted the client on the server."""
    return Guard(
        id="deleted-on-server",
        message=f"{address} was deleted on the server; making it anew gives it a new secret",
        addresses=(address,),
        value=client_id,
        setting="take the definition out, with removed: [{address, then: forget}]",
        flag=f"--recreate {address}",
    )


def protects(address: str, client_id: str) -> Guard:
    """prevent_destroy, as remembered in state."""
    return Guard(
        id="prevent-destroy",
        message=f"{address} has lifecycle.prevent_destroy",
        addresses=(address,),
        limit="prevent_destroy: true",
        value=client_id,
        setting="apply lifecycle: {prevent_destroy: false} first, then remove the definition",
    )


def other_id(address: str, before: str, after: str) -> Guard:
    """The definition names another client_id than the one that the server has chosen."""
    return Guard(
        id="client-id-changed",
        message=f"{address} has client_id {before}, the definition says {after}",
        addresses=(address,),
        limit=before,
        value=after,
        setting="give the new client_id a definition of its own and list the old address under removed:",
    )


def protects_replaced(address: str, before: str, after: str) -> Guard:
    """prevent_destroy, as remembered in state, and a definition that names another client_id."""
    return Guard(
        id="prevent-destroy",
        message=f"{address} has lifecycle.prevent_destroy, and client_id {before} -> {after} would delete {before}",
        addresses=(address,),
        limit="prevent_destroy: true",
        value=before,
        setting="apply lifecycle: {prevent_destroy: false} with the old client_id first, then change it",
    )


def suspended(address: str, client_id: str) -> Guard:
    """A client that somebody disabled would come back as another one: a server makes every new client active."""
    return Guard(
        id="disabled-client",
        message=f"{client_id} is disabled on the server, and a client in its place would not be",
        addresses=(address,),
        value=client_id,
        setting="have an administrator enable it first, or take the definition out with removed: then delete",
    )


def refuses(address: str, rule: str, summary: str, fix: str) -> Guard:
    """The server would drop or refuse what the definition says."""
    return Guard(id=rule, message=f"{address}: {summary}", addresses=(address,), setting=fix)


def hidden(address: str, name: str) -> Guard:
    """A field that cannot be read and is not declared would be lost by an update."""
    return Guard(
        id="hidden-field",
        message=f"{address}: this server does not show {name}, so an update would erase it",
        addresses=(address,),
        value=name,
        setting=f"declare {name} in the definition (or jwks_uri, which is better), or {name}: null to let it go",
    )


def lost_create(address: str, at: str, name: str, found: Sequence[str]) -> Guard:
    """A create was sent, or was about to be, and its answer, which had the only id, is lost."""
    there = f"; of that name is yours and in no state: {listed(found)}" if found else ""
    take = f"client_id: {found[0]} and adopt: true" if found else "client_id: ID and adopt: true"
    return Guard(
        id="lost-create",
        message=f"{address} was about to be registered at {at} as {name!r}, and no answer came: it may be there{there}",
        addresses=(address,),
        value=listed(found),
        setting=f"{take} in its definition when it is there (as it is not yours: iac secret token {address})",
        flag=f"--recreate {address}",
    )


def lost_without_definition(address: str, at: str) -> Guard:
    """The same, and the definition is gone since."""
    return Guard(
        id="lost-create",
        message=f"{address} was about to be registered at {at}, no answer came, and no definition names it any more",
        addresses=(address,),
        setting=f"put its definition back; or iac state rm {address}, when nothing is there",
    )


def not_registered(address: str, client_id: str) -> Guard:
    """A definition names a client_id that is not there, and this API takes no chosen ones."""
    return Guard(
        id="client-id-not-chosen",
        message=f"client_id {client_id} is not there for this login, and with this provider the server chooses the ids",
        addresses=(address,),
        value=client_id,
        setting="take client_id out of the definition for a new client; for one that is there correct it, or the login",
    )


def unreachable(address: str, client_id: str) -> Guard:
    """Neither its registration access token nor the login shows the client any more."""
    return Guard(
        id="deleted-on-server",
        message=f"{address} ({client_id}) was deleted on the server, or its registration access token or owner is"
        " another now; making it anew gives it a new client_id and a new secret",
        addresses=(address,),
        value=client_id,
        setting=f"iac secret token {address}, if there is a new token; or removed: [{{address, then: forget}}]",
        flag=f"--recreate {address}",
    )


def not_understood(address: str, client_id: str, problem: str) -> Guard:
    """A change of a client of which the server says something that makes no sense."""
    return Guard(
        id="client-not-understood",
        message=f"{address} cannot be changed: what the server says of {client_id} makes no sense ({problem})",
        addresses=(address,),
        value=client_id,
        setting="have an administrator correct it at the server; for the others: iac apply --target ADDR",
    )


def create_only(address: str, client_id: str) -> Guard:
    """The server gave nothing by which the client could be changed."""
    return Guard(
        id="create-only",
        message=f"{address} cannot be changed: the server gave no address of its own, or no token, for it (RFC 7592)",
        addresses=(address,),
        value=client_id,
        setting="undo the change, or removed: [{address, then: forget}] and a new address",
    )


def no_rotation(address: str, client_id: str, why: str) -> Guard:
    """This API, this version or this login has no call for a new secret."""
    return Guard(
        id="no-rotation",
        message=f"{address} needs a new secret, and this login has no call for one: {why}",
        addresses=(address,),
        value=client_id,
        setting="provider: iam-admin, iac redeem (IAM from 1.14), or a new client under another address",
    )


def strips_scopes(address: str, client_id: str, scopes: Sequence[str]) -> Guard:
    """A write would take scopes away that this login may not give back (IAM issue 461)."""
    return Guard(
        id="scope-would-be-stripped",
        message=f"{address} holds scopes that somebody else may have granted, and an update by self service drops those"
        f" that this login cannot grant: {' '.join(scopes)}",
        addresses=(address,),
        value=client_id,
        setting=f"grantable_scopes: [{', '.join(scopes)}] in iac.yaml if self service grants them; else iam-admin",
    )
