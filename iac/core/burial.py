"""When a deleted client is forgotten, and its keys with it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iac.core.keys import ClientKey
    from iac.core.state import State


def bury(state: State, horizon: str) -> State:
    """The state without the tombstones from before `horizon` (RFC 3339 UTC, as `deleted_at`), and without their keys.

    A key that is younger than the tombstone is that of a client still to come.
    """
    kept = tuple(grave for grave in state.tombstones if grave.deleted_at >= horizon)
    staying = {grave.address for grave in kept} | state.clients.keys()
    gone = {grave.address: grave.deleted_at for grave in state.tombstones if grave.address not in staying}
    keys = {address: _younger(held, gone[address]) if address in gone else held for address, held in state.keys.items()}
    return replace(state, tombstones=kept, keys={address: held for address, held in keys.items() if held})


def _younger(keys: tuple[ClientKey, ...], moment: str) -> tuple[ClientKey, ...]:
    return tuple(key for key in keys if key.private.since > moment)
