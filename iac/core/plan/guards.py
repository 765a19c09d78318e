"""Limits that refuse a plan. Each names limit, value, setting and flag, so that every refusal has a next step. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from iac.core.desired import ChangeLimits, DesiredClient
from iac.core.errors import Diagnostic
from iac.core.explanation import refusal
from iac.core.plan.change import Action, Change
from iac.core.text import listed

GUARDS = (
    refusal(
        "max-deletes",
        what="Refuses more deletions than `limits.max_deletes` (3); clients count, not addresses. A predecessor counts "
        "in the run that deletes it.",
        fix="Raise the limit in iac.yaml, for this change.",
    ),
    refusal(
        "max-updates",
        what="Refuses more updates and rotations than `limits.max_updates`.",
        fix="Raise the limit.",
    ),
    refusal(
        "missing-definition",
        what="Refuses an address in state that no definition has: a missing file is not a request to delete the "
        "client.",
        fix="Write `removed:` or `moved:` in iac.yaml, or restore the file.",
    ),
    refusal(
        "moved-unsaid",
        what="Refuses a client_id that state has under an address without a definition.",
        fix="Write `moved:` in iac.yaml.",
    ),
    refusal(
        "client-of-another-address",
        what="Refuses a client_id that state has under another address, also as a predecessor: that address "
        "would change or delete it.",
        fix="Use another client_id, or write `removed:` with `then: forget` for the other address.",
    ),
    refusal(
        "client-id-taken",
        what="Refuses a client_id that is registered and in no state.",
        fix="Write `adopt: true`, if the client is yours. Otherwise choose another client_id.",
    ),
    refusal(
        "protected-client",
        what="Refuses built-in, federated and personal clients, and the client by which `iac` logs in.",
        fix="Use another client_id.",
    ),
    refusal(
        "deleted-on-server",
        what="Refuses to create a client again that somebody deleted, or that its token or login no longer reaches.",
        fix="Use `--recreate ADDR`, or write `removed:` with `then: forget`.",
    ),
    refusal(
        "prevent-destroy",
        what="Refuses to delete a client with `lifecycle.prevent_destroy`, as state remembers it, and to give it "
        "another client_id.",
        fix="Apply `prevent_destroy: false` first.",
    ),
    refusal(
        "disabled-client",
        what="Refuses another client in place of one that is disabled on the server: it would be active.",
        fix="Have an administrator enable it first, or write `removed:` with `then: delete`.",
    ),
    refusal(
        "client-id-changed",
        what="Refuses another client_id at the same address, where the server chooses the ids.",
        fix="Remove `client_id`; or give the new client a definition of its own, and write `removed:` for the old "
        "address.",
    ),
    refusal(
        "orphaned-create",
        what="Refuses to leave behind a client that an interrupted run registered.",
        fix="Restore its definition and apply.",
    ),
    refusal(
        "hidden-field",
        what="Refuses an update that would erase a field which the server does not show.",
        fix="Declare the field, or null to let it go.",
    ),
    refusal(
        "lost-create",
        what="Refuses to register a client again after the answer to the first registration was lost: that "
        "client may exist.",
        fix="Write `client_id` and `adopt: true` in its definition, or store its token with `iac secret token ADDR`; "
        "use `--recreate ADDR` if it does not exist.",
    ),
    refusal(
        "lost-update",
        what="Refuses to register a client again after the answer to an update was lost, and with it the new "
        "registration access token.",
        fix="Ask the server's operator for a new token and store it with `iac secret token ADDR`; use "
        "`--recreate ADDR` for another client.",
    ),
    refusal(
        "token-refused",
        what="Refuses to treat a client as deleted only because the server refuses its registration access token.",
        fix="Store a new token with `iac secret token ADDR`; use `--recreate ADDR` for another client.",
    ),
    refusal(
        "client-id-not-chosen",
        what="Refuses a client_id that is not registered, where the server chooses the ids.",
        fix="Remove `client_id`, or correct it or the login.",
    ),
    refusal(
        "create-only",
        what="Refuses to change or delete a client of a server without RFC 7592.",
        fix="Undo the change, or write `removed:` with `then: forget`.",
    ),
    refusal(
        "client-not-understood",
        what="Refuses to change, delete, create or adopt a client if the server's answer about it is invalid, "
        "such as a number for its name.",
        fix="Have an administrator correct it at the server; use `--target ADDR` for the others.",
    ),
    refusal(
        "no-rotation",
        what="Refuses a new secret where the server has no call that makes one.",
        fix="Use `lifecycle.rotation: replace`, `provider: iam-admin`, `iac redeem`, or a new client.",
    ),
    refusal(
        "scope-would-be-stripped",
        what="Refuses an update by self service of a client with a scope that somebody else may have granted.",
        fix="Name it under `grantable_scopes` in iac.yaml, or use `provider: iam-admin`.",
    ),
    refusal(
        "output-tracked",
        what="Refuses an output with a secret whose file git tracks: the next commit would hold the secret.",
        fix="Run `git rm --cached -- PATH` and add the line that the message shows to `.gitignore`. If the file was "
        "ever pushed, rotate the secret.",
    ),
)
"""What each guard refuses; docs/reference/guards.md shows it."""


def guard(rule: str, summary: str, addresses: Sequence[str], *, why: str = "", **details: str) -> Diagnostic:
    """A refusal.

    Args:
        rule: its id.
        summary: what is refused.
        addresses: those concerned; a guard on one address names it in `where`.
        why: why it is refused; "" when the summary says it.
        details: `limit` that was met and `value` that met it, `setting` and `flag` that change it, `field` concerned.
    """
    keys = {"limit": "", "value": "", "setting": "", "flag": "", **details}
    return Diagnostic(
        rule,
        summary,
        why=why,
        fix=", or ".join(way for way in (keys["setting"], keys["flag"]) if way),
        where=addresses[0] if len(addresses) == 1 else "",
        details={"addresses": list(addresses), **keys},
    )


def on_counts(changes: Sequence[Change], limits: ChangeLimits) -> list[Diagnostic]:
    """max_deletes and max_updates."""
    deleted = [change for change in changes for _ in range(change.deletions)]
    updated = [change for change in changes if change.action in {Action.UPDATE, Action.ROTATE}]
    return [
        *_count("max-deletes", "deleted", limits.max_deletes, deleted),
        *_count("max-updates", "updated or rotated", limits.max_updates, updated),
    ]


def _count(rule: str, verb: str, limit: int | None, changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """A change is there once for each client. The first one is the place: the limit may be written nowhere."""
    if limit is None or len(changes) <= limit:
        return
    addresses = list(dict.fromkeys(change.address for change in changes))
    key, count = f"limits.{rule.replace('-', '_')}", len(changes)
    yield replace(
        guard(
            rule,
            f"{count} clients are more than {key} allows ({limit})",
            addresses,
            why=f"{verb}: {listed(addresses)}",
            limit=str(limit),
            value=str(count),
            setting=f"{key}: {count} in iac.yaml",
        ),
        location=changes[0].location,
        where="",
    )


def renamed(desired: DesiredClient, before: str) -> Diagnostic:
    """The client is in state under an address that has no definition any more: its file was moved."""
    return guard(
        "moved-unsaid",
        f"client_id {desired.client_id} is in state as {before}, which has no definition any more",
        [desired.address],
        value=before,
        setting=f"moved: [{{from: {before}, to: {desired.address}}}] in iac.yaml, if the file was moved",
        field="client_id",
    )


def taken(desired: DesiredClient) -> Diagnostic:
    """The client_id is registered, but this project did not make it."""
    return guard(
        "client-id-taken",
        f"client_id {desired.client_id} is registered already and in no state",
        [desired.address],
        value=desired.client_id,
        setting=f"adopt: true in {desired.location.file}, if the client is yours; otherwise another client_id",
        field="client_id",
    )


def held_elsewhere(desired: DesiredClient, holder: str) -> Diagnostic:
    """The client_id is that of another address's client, or of a predecessor of it."""
    return guard(
        "client-of-another-address",
        f"client_id {desired.client_id} belongs to {holder}, as its client or as one that it has replaced",
        [desired.address],
        value=holder,
        setting=f"another client_id; or removed: [{{address: {holder}, then: forget}}] in iac.yaml for the other",
        field="client_id",
    )


def foreign(address: str, client_id: str, reason: str) -> Diagnostic:
    """A client that is never touched."""
    return guard(
        "protected-client",
        f"iac does not manage client_id {client_id}",
        [address],
        why=f"it is {reason}",
        value=client_id,
        setting="use another client_id, or remove the definition",
        field="client_id",
    )


def missing_definition(address: str, client_id: str) -> Diagnostic:
    """A file that vanished does not mean consent."""
    return guard(
        "missing-definition",
        "the address is in state and has no definition",
        [address],
        why="a missing file is not taken for a request to delete the client",
        value=client_id,
        setting=f"removed: [{{address: {address}, then: delete}}] (or then: forget, or moved:) in iac.yaml",
    )


def orphan(address: str, client_id: str) -> Diagnostic:
    """An interrupted run registered a client that no definition names any more."""
    return guard(
        "orphaned-create",
        f"an interrupted run registered {client_id}, and no definition names it any more",
        [address],
        value=client_id,
        setting=f"restore the definition of {address} with this client_id and apply; then change or remove it",
    )


def gone(address: str, client_id: str) -> Diagnostic:
    """Somebody deleted the client on the server."""
    return guard(
        "deleted-on-server",
        f"{client_id} was deleted on the server",
        [address],
        why="a client that is created again has a new secret, if it has one",
        value=client_id,
        setting=f"remove the definition, with removed: [{{address: {address}, then: forget}}]",
        flag=f"--recreate {address}",
    )


def protects(address: str, client_id: str) -> Diagnostic:
    """prevent_destroy, as remembered in state."""
    return guard(
        "prevent-destroy",
        f"lifecycle.prevent_destroy forbids deleting {client_id}",
        [address],
        limit="prevent_destroy: true",
        value=client_id,
        setting="apply lifecycle: {prevent_destroy: false} first, then remove the definition",
    )


def other_id(address: str, before: str, after: str) -> Diagnostic:
    """The definition names another client_id than the one that the server has chosen."""
    return guard(
        "client-id-changed",
        f"the client has client_id {before}, the definition says {after}",
        [address],
        limit=before,
        value=after,
        setting="give the new client_id a definition of its own and list the old address under removed:",
        field="client_id",
    )


def names_id(address: str, client_id: str) -> Diagnostic:
    """A successor has an id that the server chooses, and the definition names the one of before."""
    return guard(
        "client-id-changed",
        f"the definition names {client_id}, and the server chooses the client_id of the client in its place",
        [address],
        value=client_id,
        setting="remove client_id from the definition: state knows it",
        field="client_id",
    )


def protects_replaced(address: str, before: str, after: str) -> Diagnostic:
    """prevent_destroy, as remembered in state, and a definition that names another client_id."""
    return guard(
        "prevent-destroy",
        f"lifecycle.prevent_destroy forbids client_id {before} -> {after}, which would delete {before}",
        [address],
        limit="prevent_destroy: true",
        value=before,
        setting="apply lifecycle: {prevent_destroy: false} with the old client_id first, then change it",
        field="client_id",
    )


def suspended(address: str, client_id: str) -> Diagnostic:
    """A client that somebody disabled would come back as another one: a server makes every new client active."""
    return guard(
        "disabled-client",
        f"{client_id} is disabled on the server",
        [address],
        why="a client in its place would be active",
        value=client_id,
        setting="have an administrator enable it first, or remove the definition with removed: then delete",
        field="client_id",
    )


def refuses(address: str, refusal: Diagnostic) -> Diagnostic:
    """The server would drop or refuse what the definition says."""
    return guard(refusal.id, refusal.summary, [address], setting=refusal.fix, **refusal.details)


def hidden(address: str, name: str) -> Diagnostic:
    """A field that cannot be read and is not declared would be lost by an update."""
    return guard(
        "hidden-field",
        f"an update would erase {name}",
        [address],
        why=f"this server does not show {name}, and the definition does not declare it",
        value=name,
        setting=f"declare {name} in the definition (or jwks_uri, which is better), or {name}: null to let it go",
        field=name,
    )


def lost_create(address: str, at: str, name: str, client_ids: Sequence[str]) -> Diagnostic:
    """A create was sent, or was about to be, and its answer, which had the only id, is lost."""
    there = f"; your clients of that name in no state: {listed(client_ids)}" if client_ids else ""
    take = f"client_id: {client_ids[0]} and adopt: true" if client_ids else "client_id: ID and adopt: true"
    return guard(
        "lost-create",
        f"the client {name!r} may be registered already",
        [address],
        why=f"iac was about to register it at {at}, and no answer came{there}",
        value=listed(client_ids),
        setting=f"{take} in its definition if it is there; if the login may not read it, iac secret token {address}",
        flag=f"--recreate {address}",
    )


def lost_without_definition(address: str, at: str) -> Diagnostic:
    """The same, and the definition is gone since."""
    return guard(
        "lost-create",
        "the client may be registered, and no definition names it any more",
        [address],
        why=f"iac was about to register it at {at}, and no answer came",
        setting=f"restore its definition; or run iac state rm {address}, when nothing is there",
    )


def lost_update(address: str, client_id: str, at: str) -> Diagnostic:
    """The server has replaced the token with an answer that never came."""
    return guard(
        "lost-update",
        f"the answer to an update of {client_id} is lost, and with it the new registration access token",
        [address],
        why=f"the update was sent at {at}; since then the server refuses the token in state",
        value=client_id,
        setting=_new_token(address),
        flag=f"--recreate {address}, which registers another client and leaves this one on the server",
    )


def token_refused(address: str, client_id: str) -> Diagnostic:
    """A token that has ended says nothing about its client."""
    return guard(
        "token-refused",
        f"the server refuses the registration access token of {client_id}",
        [address],
        why="it has ended, another one took its place, or the client was deleted: the server does not say which",
        value=client_id,
        setting=f"{_new_token(address)}; or removed: [{{address: {address}, then: forget}}]",
        flag=f"--recreate {address}, which registers another client",
    )


def _new_token(address: str) -> str:
    return f"get a new token from the server's operator: iac secret token {address}"


def not_understood(address: str, client_id: str, problem: str) -> Diagnostic:
    """A change of a client of which the server says something that makes no sense."""
    return guard(
        "client-not-understood",
        f"iac cannot change {client_id}: the server's answer about it is invalid",
        [address],
        why=problem,
        value=client_id,
        setting="have an administrator correct it at the server; for the others: iac apply --target ADDR",
    )


def create_only(address: str, client_id: str) -> Diagnostic:
    """The server gave nothing by which the client could be changed."""
    return guard(
        "create-only",
        f"iac cannot change {client_id} at this server",
        [address],
        why="the server gave no address of its own, or no token, for it (RFC 7592)",
        value=client_id,
        setting=f"undo the change, or removed: [{{address: {address}, then: forget}}] and a new address",
    )
