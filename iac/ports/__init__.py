"""What the core asks of the world: abstract ports. Adapters implement the private `_x`; callers use the public `x`.

Each public method lets the errors of `iac.core.errors` through and turns every other exception into the port's own,
so no caller ever meets an exception of httpx, OSError or a library.
"""

from __future__ import annotations

from iac.ports.provider import Identity, Provider
from iac.ports.sink import Comparison, Deliveries, Delivery, Sink, find_newer
from iac.ports.site import Clock, LoginSite, OutputSite, Site
from iac.ports.state import Holder, Lock, Place, StateBackend, Vault

__all__ = [
    "Clock",
    "Comparison",
    "Deliveries",
    "Delivery",
    "Holder",
    "Identity",
    "Lock",
    "LoginSite",
    "OutputSite",
    "Place",
    "Provider",
    "Sink",
    "Site",
    "StateBackend",
    "Vault",
    "find_newer",
]  # fmt: skip
