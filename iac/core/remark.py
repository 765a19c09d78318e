"""What policy found in a client, and what its definition waives of it. Pure; the rules are in `iac.core.policy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from iac.core.diagnostics import Location


@dataclass(frozen=True, slots=True)
class Remark:
    """What one rule found, before the project's severities and the client's waivers.

    Attributes:
        rule: id of the rule.
        location: where the definition says it.
        value: the item concerned (a scope, a redirect URI); "" when it is no item.
    """

    rule: str
    summary: str
    location: Location
    fix: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """An entry of `waive`: findings of one rule that refuse nothing, up to and with a day."""

    rule: str
    reason: str
    until: date
    location: Location
