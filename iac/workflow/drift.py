"""What drifted on the server: read access alone, no lock, no key of the state, nothing written."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from iac.core.drift import Drift, find_drift
from iac.workflow.registrations import read_actual

if TYPE_CHECKING:
    from iac.session import Session


def read_drift(session: Session, targets: Collection[str] = ()) -> Drift:
    """What somebody changed on the server since the last apply.

    Raises:
        InputError: a target is no address of the project.
    """
    options = session.options(targets)
    state = session.backend.load()
    return find_drift(session.desired, state, read_actual(session, state, options), targets)
