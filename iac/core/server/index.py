"""A table of rules, sorted once by where they work. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from iac.core.model import FIELDS
from iac.core.server.kinds import kinds_on_wire
from iac.core.server.rule import (
    BodyRule,
    CreateForceRule,
    DefaultRule,
    ForceRule,
    NameRule,
    ProtectRule,
    ReadRule,
    RefuseRule,
    ServerRule,
    StripRule,
    StripScopeRule,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iac.core.capabilities import Capabilities, Table

R = TypeVar("R", bound=ServerRule)


class Rules:
    """A table of rules, sorted once by where they work."""

    def __init__(self, table: Iterable[ServerRule]) -> None:
        self.table = tuple(table)
        self.by_id = {rule.id: rule for rule in self.table}
        self.force = self._of(ForceRule)
        self.create_force = self._of(CreateForceRule)
        self.defaults = {name: value for rule in self._of(DefaultRule) for name, value in rule.values.items()}
        self.body = self._of(BodyRule)
        self.refuse = self._of(RefuseRule)
        self.protect = self._of(ProtectRule)
        self.strip_scopes = self._of(StripScopeRule)
        self.strip = frozenset().union(*(rule.names for rule in self._of(StripRule)))
        self.names = {rule.name: rule for rule in self._of(NameRule)}
        self.kinds = kinds_on_wire({name: rule.wire for name, rule in self.names.items()})
        reads = self._of(ReadRule)
        self.readers = {name: tuple(rule.act for rule in reads if name in rule.names) for name in FIELDS}
        self._at: dict[frozenset[Table], Rules] = {}

    def at(self, api: Capabilities) -> Rules:
        """Those of one API."""
        if api.tables not in self._at:
            self._at[api.tables] = Rules(rule for rule in self.table if rule.table in api.tables)
        return self._at[api.tables]

    def _of(self, kind: type[R]) -> list[R]:
        return [rule for rule in self.table if isinstance(rule, kind)]
