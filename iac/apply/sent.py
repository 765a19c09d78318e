"""What the write of a change sets, and what a client takes over from the one whose place it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iac.core.errors import StalePlan
from iac.core.state import Predecessor

if TYPE_CHECKING:
    from iac.core.change import Change
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields
    from iac.core.state import ClientState, State


@dataclass(frozen=True, slots=True)
class Sent:
    """What a write sets: fields, and the names of all that it sets, emptied ones too."""

    fields: Fields
    names: frozenset[str]


def desired_of(change: Change) -> DesiredClient:
    """The definition of a change that has one.

    Raises:
        StalePlan: it has none.
    """
    if change.desired is None:
        raise StalePlan("a change without a definition", where=change.address)
    return change.desired


def sent_by(change: Change, names: frozenset[str]) -> Sent:
    """With what the client gets from its predecessor, or from itself as it was before it was deleted."""
    return Sent({**change.carried, **desired_of(change).fields}, names | change.carried.keys())


def owners_given(change: Change, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Owners that are assigned: those that the definition wants, else those that the client before it had."""
    is_carried = bool(change.succeeds or change.carried_owners) and desired_of(change).managed_owners is None
    return (change.carried_owners or None) if is_carried else own


def predecessors_with(change: Change, before: ClientState | None) -> tuple[Predecessor, ...]:
    """The predecessors of a client that is written: those of the one that stands there; another becomes one itself."""
    if before is None or not change.succeeds or before.client_id == change.client_id:
        return before.predecessors if before else ()
    grace = next((old.grace for old in change.leaving if old.client_id == before.client_id), 0)
    return (*before.predecessors, Predecessor(replace(before, predecessors=()), grace))


def last_of(change: Change, state: State) -> ClientState | None:
    """What was last applied to this very client; None for one that is new to its address."""
    held = state.clients.get(change.address)
    return held if held is not None and held.client_id == change.client_id else None
