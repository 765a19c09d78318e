"""The kinds of rules, one class for each place where it matters what a server does; and a table of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from iac.core.capabilities import Capabilities, Table
from iac.core.model import FIELDS, Fields, Value
from iac.core.registration import Facts, Registration
from iac.core.server.kinds import kinds_on_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRule:
    """One thing that a server does.

    Attributes:
        id: stable kebab-case name.
        traps: numbers of the list in docs/reference/server-behaviour.md.
        what: what the server does, one sentence.
        source: the recordings that show it.
        table: the part of the table: which APIs do so.
    """

    id: str
    traps: tuple[int, ...]
    what: str
    source: str
    table: Table = Table.IAM


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRule(ServerRule):
    """How an answered value becomes canonical: `act(value)`, None for absent; for the fields in `names`."""

    names: frozenset[str]
    act: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule(ServerRule):
    """A field that has another name and form on the wire: `send(value)` and `receive(value)` change the form."""

    name: str
    wire: str
    send: Callable[[Any], Any]
    receive: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRule(ServerRule):
    """The server keeps metadata that an IAM does not have: fields of `Field.of_others`, and `extra`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRule(ServerRule):
    """What the server makes of wanted fields by itself, at every write: `act(fields)`, so that it is no diff."""

    act: Callable[[Fields], Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateForceRule(ServerRule):
    """A value that a create forces whatever was sent; one PUT after the create sets it as wanted.

    `only_if_absent`: it does so only where nothing was sent.
    """

    name: str
    value: Value
    only_if_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRule(ServerRule):
    """What a create gives fields that are left out, flags that are false aside; a server can be set up otherwise."""

    values: Fields


@dataclass(slots=True)
class PutBody:
    """The body of a replacing PUT while the rules work on it, one after the other."""

    fresh: Registration
    fields: Fields
    declared: frozenset[str]
    facts: Facts
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRule(ServerRule):
    """One step from a fresh answer to the body of a replacing PUT: `act(draft)` changes `draft.body`."""

    act: Callable[[PutBody], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripRule(ServerRule):
    """Members of an answer that are never sent back."""

    names: frozenset[str]


class Reason(NamedTuple):
    """Why fields are refused: in which of them, for which item of it, and what to do."""

    field: str
    summary: str
    fix: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRule(ServerRule):
    """What is refused before sending: `act(fields, facts)` says each reason; facts None when offline.

    Members of the sets in `only_new` that the client has already do not count. `is_certain` is False where servers of
    the same flavour differ: then it is a warning. `of_whole`: it looks at all that the client will have, with what
    the definition leaves as it is.
    """

    act: Callable[[Fields, Facts | None], Iterable[Reason]]
    is_certain: bool = True
    only_new: frozenset[str] = frozenset()
    of_whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdRule(ServerRule):
    """A client_id that the server takes and cannot serve, or refuses: `act(client_id)` says why, "" for a good one.

    `only_new`: a client that has such an id can be managed, but none should be registered.
    """

    act: Callable[[str], str]
    only_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StripScopeRule(ServerRule):
    """Scopes that any write of this login may take from a client: `act(scopes)` gives them."""

    act: Callable[[frozenset[str]], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectRule(ServerRule):
    """A client that is never touched: `act(answer)` says whether this is one; `why` completes "it is ..."."""

    act: Callable[[Mapping[str, Any]], bool]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule(ServerRule):
    """A fact of a client's secret: `act(facts, before, after)`, auth methods before and after a write."""

    act: Callable[[Facts, str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRule(ServerRule):
    """A number or switch for code that cannot be a row of the table (HTTP, chosen secrets)."""

    value: int | bool


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
        self.client_ids = self._of(ClientIdRule)
        self.protect = self._of(ProtectRule)
        self.strip_scopes = self._of(StripScopeRule)
        self.strip = frozenset().union(*(rule.names for rule in self._of(StripRule)))
        self.names = {rule.name: rule for rule in self._of(NameRule)}
        self.kinds = kinds_on_wire({name: rule.wire for name, rule in self.names.items()})
        self.keeps_others = bool(self._of(KeepRule))
        reads = self._of(ReadRule)
        self.readers = {
            name: tuple(rule.act for rule in reads if name in rule.names)
            for name, field in FIELDS.items()
            if self.keeps_others or not field.of_others
        }
        self._at: dict[frozenset[Table], Rules] = {}

    def at(self, api: Capabilities) -> Rules:
        """Those of one API."""
        if api.tables not in self._at:
            self._at[api.tables] = Rules(rule for rule in self.table if rule.table in api.tables)
        return self._at[api.tables]

    def _of(self, kind: type[R]) -> list[R]:
        return [rule for rule in self.table if isinstance(rule, kind)]
