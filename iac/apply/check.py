"""Around every write: before it, what is there is what the plan saw; after it, what was answered is what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.desired import OWNERS
from iac.core.errors import ServerError, StalePlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iac.core.plan.change import Change
    from iac.core.registration import Registration


def check_same(change: Change, fresh: Registration) -> None:
    """What is about to be overwritten is what the plan saw.

    Raises:
        StalePlan: it is not; names the fields.
    """
    seen = change.observed
    if seen is None:
        raise StalePlan("the plan saw no client to change", where=change.address, fix="run iac plan again")
    names = change.desired.managed if change.desired else seen.fields.keys() | fresh.fields.keys()
    differing = _differing(names, seen, fresh)
    if fresh.owners != seen.owners and fresh.owners is not None and seen.owners is not None:
        differing.append(OWNERS)
    if differing:
        raise _stale(change.address, differing)


def check_gone_same(address: str, seen: Registration | None, fresh: Registration) -> None:
    """What is about to be deleted, in all its fields, is what the plan saw.

    Raises:
        StalePlan: it is not; names the fields.
    """
    if seen is None:
        raise StalePlan("the plan saw no client to delete", where=address, fix="run iac plan again")
    differing = _differing(seen.fields.keys() | fresh.fields.keys(), seen, fresh)
    if differing:
        raise _stale(address, differing)


def _differing(names: Iterable[str], seen: Registration, fresh: Registration) -> list[str]:
    return sorted(name for name in names if seen.fields.get(name) != fresh.fields.get(name))


def _stale(address: str, differing: Sequence[str]) -> StalePlan:
    return StalePlan(
        "somebody changed the client on the server since the plan",
        where=address,
        why=f"fields: {', '.join(differing)}",
        fix="run iac plan again",
    )


def hold(wrong: Sequence[str], change: Change) -> None:
    """What was answered is what was sent.

    Raises:
        ServerError: it is not in the fields of `wrong`.
    """
    if wrong:
        raise ServerError(
            "the server did not keep what was sent",
            where=change.address,
            why=f"fields: {', '.join(wrong)}; the client and its secret are in state",
            fix="run iac plan to see both values; change the definition, or ask an administrator of the server",
        )
