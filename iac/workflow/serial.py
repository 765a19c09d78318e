"""An older state that was put back: what this machine remembers of a newer one is held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.core.errors import StateError

if TYPE_CHECKING:
    from iac.core.state import State
    from iac.workflow.session import LocalSession

FLAG = "--accept-older-state"


def check_serial(session: LocalSession, state: State) -> None:
    """Refuse a state that is older than an output or a journal of this machine, unless the run accepts it.

    An older state holds secrets that may be dead since: nothing is written from it by mistake.

    Raises:
        StateError: it is older; names both serials.
    """
    if session.accepts_older_state:
        session.deliveries.accept(state.serial)
        session.deliveries.save()
        return
    output, serial = session.deliveries.newest()
    source = f"{output} was written from"
    copy, copied = session.backend.newest_copy()
    if copied > serial:
        source, serial = f"{copy} names", copied
    if serial > state.serial:
        raise StateError(
            "the state is older than what this machine has seen, so nothing is written",
            where=f"serial {state.serial}",
            why=f"{source} serial {serial}; secrets in an older state may have been replaced since",
            fix=f"put the newest state back (iac state push COPY), or go on from this one with {FLAG}",
        )
