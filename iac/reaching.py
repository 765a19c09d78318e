"""Settings to how a server is reached: limits of time, certificates, proxy. Brings in the HTTP library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iac.transport.http import Transport

if TYPE_CHECKING:
    from iac.config.settings import Settings


def issuer_transport(settings: Settings, *, parallelism: int) -> Transport:
    """How the issuer is reached; a client certificate is shown to it alone."""
    network = settings.network
    return Transport(
        parallelism=parallelism,
        timeout=settings.timeout,
        deadline=settings.deadline,
        ca_bundle=network.ca,
        certificate=network.certificate,
        key=network.key,
        proxy=network.proxy,
    )


def state_transport(settings: Settings) -> Transport:
    """How a server of state is reached."""
    return Transport(
        timeout=settings.timeout,
        deadline=settings.deadline,
        ca_bundle=settings.network.ca,
        proxy=settings.network.proxy,
    )
