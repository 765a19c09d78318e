"""What an id means, for people who meet it. Pure; `iac.workflow.explain` gathers all ids."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import NamedTuple

from iac import HOME

DOCS = f"{HOME}/tree/main/docs"
"""Where an installed user reads the pages: the documentation's address of pyproject.toml."""


def page_url(page: str) -> str:
    """The address of a page of docs/."""
    return f"{DOCS}/{page}"


class IdKind(StrEnum):
    """What an id names."""

    DEFINITION = "policy on definitions"
    CHANGE = "policy on changes"
    REGISTERED = "policy on clients of the server"
    MISTAKE = "a mistake"
    WARNING = "a warning"
    FINDING = "a finding of a plan"
    GUARD = "a guard"
    SERVER = "what a server does"


class Explanation(NamedTuple):
    """What an id means; a part that it does not have is "".

    Attributes:
        level: the default severity; `here` is the severity in the current project.
        before: lines of YAML that are registered before a change; `bad` lines have the mistake, `good` lines do not.
    """

    id: str
    kind: IdKind
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
        return self.is_waivable or self.kind is IdKind.WARNING

    @property
    def is_waivable(self) -> bool:
        """Whether a definition can waive it."""
        return self.kind in {IdKind.DEFINITION, IdKind.CHANGE, IdKind.REGISTERED}

    def to_dict(self) -> dict[str, str]:
        """JSON form."""
        return {name: str(getattr(self, name)) for name in self._fields}


error = partial(Explanation, kind=IdKind.MISTAKE, level="error")
"""A mistake: stops."""

warning = partial(Explanation, kind=IdKind.WARNING, level="warning")
"""A warning: stops only where `policy` of iac.yaml says so."""

finding = partial(Explanation, kind=IdKind.FINDING, level="warning")
"""A finding of a plan: stops nothing."""

refusal = partial(Explanation, kind=IdKind.GUARD, level="error")
"""A guard: refuses a plan."""
