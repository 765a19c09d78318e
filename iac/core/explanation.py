"""What is known of one id, for people who meet it. Pure; `iac.workflow.explain` gathers them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an id names."""

    DEFINITION = "policy on definitions"
    CHANGE = "policy on changes"
    MISTAKE = "a mistake"
    WARNING = "a warning"
    FINDING = "a finding of a plan"
    GUARD = "a guard"
    SERVER = "what a server does"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of one id; "" for what is not.

    Attributes:
        level: how serious it is by default; `here` in the project at hand.
        before: what is registered before a change, `bad` what is found, `good` what is not: lines of YAML.
    """

    id: str
    kind: Kind
    what: str
    why: str = ""
    source: str = ""
    fix: str = ""
    level: str = ""
    here: str = ""
    before: str = ""
    bad: str = ""
    good: str = ""

    @property
    def is_adjustable(self) -> bool:
        """Whether `policy` of iac.yaml sets its severity."""
        return self.is_waivable or self.kind is Kind.WARNING

    @property
    def is_waivable(self) -> bool:
        """Whether a definition can waive it."""
        return self.kind in {Kind.DEFINITION, Kind.CHANGE}

    def to_dict(self) -> dict[str, str]:
        """JSON form."""
        return {name: str(getattr(self, name)) for name in self.__slots__}
