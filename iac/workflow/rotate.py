"""New secrets now, by the path of every plan; then the tokens that the old ones had got."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from iac.apply.outcome import Done, Failed, Report, StopRequest
from iac.apply.run import LockedPlan, apply_plan
from iac.core.errors import IacError, InputError, StalePlan
from iac.core.plan.change import Action, Change, SecretStep
from iac.core.text import listed
from iac.session import Session
from iac.workflow.plan import prepare

_NEW = frozenset({SecretStep.ROTATE, SecretStep.CHOOSE})


def prepare_rotation(session: Session, addresses: Collection[str], *, no_grace: bool) -> LockedPlan:
    """The plan of these addresses in which each gets a new secret. Call it with the lock held.

    `no_grace` deletes the predecessors that rotations make as soon as outputs are written.

    Raises:
        InputError: an address has no definition, is not applied yet, or its client has no secret.
    """
    options = replace(session.options(addresses), rotate=frozenset(addresses), no_grace=no_grace)
    locked = prepare(session, options)
    if not locked.plan.guards:
        changes = {change.address: change for change in locked.plan.changes}
        for address in addresses:
            _check(address, changes.get(address))
    return locked


def prepare_grace_ends(session: Session, addresses: Collection[str]) -> LockedPlan:
    """The plan that deletes the predecessors of these addresses whose grace time is over. Call it with the lock held.

    Raises:
        StalePlan: it would do more, for something has changed meanwhile.
    """
    locked = prepare(session, session.options(addresses))
    if others := {change.address for change in locked.plan.changes} - set(locked.plan.grace_ends):
        raise StalePlan(
            "the plan does more than end grace times, nothing was sent",
            where=listed(sorted(others)),
            fix="run iac plan, and apply what was reviewed",
        )
    return locked


def _check(address: str, change: Change | None) -> None:
    if change is not None and change.action in {Action.CREATE, Action.ADOPT}:
        raise InputError("this client is not applied yet", where=address, fix="run iac apply: that makes its secret")
    if change is None or not (change.succeeds or change.step in _NEW):
        raise InputError(
            "this client has no secret to rotate",
            where=address,
            why="it leaves the project, or its token_endpoint_auth_method is none or private_key_jwt",
            fix="leave it out, or change its definition",
        )


def rotate_and_revoke(session: Session, locked: LockedPlan, stop: StopRequest) -> Report:
    """Carry out the plan of a rotation, then end the tokens that the old secrets had got."""
    # Tokens end last: with the new secrets rendered, services get new ones at once.
    report = apply_plan(session, locked, stop)
    done = [outcome.change for outcome in report.outcomes if isinstance(outcome, Done)]
    return replace(report, revocations=tuple(_revoke(session, change) for change in done if _has_tokens(change)))


def _has_tokens(change: Change) -> bool:
    """Whether the client that had the old secret is still registered: a deleted one has taken its tokens along."""
    return not change.succeeds or any(old.client_id == change.succeeds and old.grace for old in change.leaving)


def _revoke(session: Session, change: Change) -> Done | Failed:
    try:
        session.provider.revoke_tokens(change.succeeds or change.client_id)
    except IacError as error:
        return Failed(change, error)
    return Done(change)
