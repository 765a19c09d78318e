"""Settings to the backend of a state: the adapter in use alone is imported, its secrets are read by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iac.ports.settings import Site

if TYPE_CHECKING:
    from iac.config.settings import Settings
    from iac.ports import Clock, Deliveries, StateBackend


def site_of(settings: Settings, clock: Clock) -> Site:
    """Where the adapters of an environment are opened."""
    return Site(
        root=settings.root,
        project=settings.project,
        environment=settings.environment,
        issuer=settings.issuer,
        lineage=settings.state.lineage,
        environ=os.environ,
        clock=clock,
        network=settings.network,
        timeout=settings.timeout,
        deadline=settings.deadline,
    )


def open_backend(settings: Settings, clock: Clock) -> StateBackend:
    """The backend of an environment's state; it refuses a state of another project, environment, issuer or lineage.

    Raises:
        InputError: a secret that leads to the place cannot be had, or what the backend needs is not installed.
    """
    return settings.state.place.open(site_of(settings, clock))


def open_deliveries(settings: Settings, clock: Clock) -> Deliveries:
    """What this machine has written of the outputs of an environment."""
    from iac.backends.deliveries import FileDeliveries  # not where no state is used

    return FileDeliveries(settings.root / ".iac" / f"{settings.state.lineage or 'none'}.outputs", clock)
