"""Settings to the backend of a state and to sinks: the adapters in use alone are imported, and read their secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from iac.config.settings import Settings
from iac.core.desired import Desired
from iac.core.secret import Secret
from iac.ports import Clock, Deliveries, Sink, StateBackend
from iac.ports.settings import SinkSettings
from iac.ports.site import OutputSite, Site


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
    from iac.backends.local import FileDeliveries  # not where no state is used

    return FileDeliveries(settings.root / ".iac" / f"{settings.state.lineage or 'none'}.outputs", clock)


def open_sinks(
    site: Site, sinks: Mapping[str, SinkSettings], desired: Desired, identity: Callable[[], Secret | None]
) -> dict[str, Sink]:
    """Every sink of an environment by its name; nothing is read or sent before its first call.

    Args:
        site: of the environment.
        sinks: their settings.
        desired: its outputs, with those to whom each is sealed.
        identity: what opens encrypted files.
    """
    return {
        name: sink.open(OutputSite(site, name, _recipients(desired, name), identity)) for name, sink in sinks.items()
    }


def _recipients(desired: Desired, sink: str) -> Callable[[str], Sequence[str]]:
    sealed = {spec.path: spec.recipients for spec in desired.outputs if spec.sink == sink}
    return lambda path: sealed.get(path, ())
