"""The kinds of rules, one class for each place where it matters what a server does; and a table of them. Pure.

A server's answer is not believed member by member (`find_invalid_members`): a client whose secret came as a number has
a secret all the same, and a flag that came as a text says neither yes nor no.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct, field

from iac.core.capabilities import Capabilities, Table
from iac.core.errors import Diagnostic
from iac.core.model import FIELDS, Facts, Fields, InvalidMember, Kind, Registration, Value
from iac.core.text import printable

DEEPEST = 20
"""Levels of lists and objects in one member; state and views walk through what is kept of an answer."""

CREDENTIALS = ("client_secret", "registration_access_token")

_HALVES = re.compile(r"[\ud800-\udfff]")

_FURTHER: Mapping[str, Kind] = {
    "client_id": Kind.TEXT,
    "client_secret": Kind.TEXT,
    "registration_access_token": Kind.TEXT,
    "registration_client_uri": Kind.TEXT,
    "active": Kind.FLAG,
    "dynamically_registered": Kind.FLAG,
}
"""Members beside the settable fields by which iac decides."""

_WORDS: Mapping[Kind, str] = {
    Kind.TEXT: "a text",
    Kind.SET: "a list of texts",
    Kind.FLAG: "true or false",
    Kind.SECONDS: "a whole number",
    Kind.JWKS: "a text",
    Kind.JSON: "a JSON value",
}


_PLAIN: Mapping[Kind, type] = {Kind.TEXT: str, Kind.FLAG: bool, Kind.SECONDS: int}
"""The type of JSON that a kind has as a rule."""

_NESTED = (list, dict)
_ONLY_TEXTS = frozenset({str})


def kinds_on_wire(wire_names: Mapping[str, str]) -> Mapping[str, Kind]:
    """The kind of each member of an answer, by its name there; `wire_names` has the fields that are renamed."""
    fields = {wire_names.get(name, name): field.kind for name, field in FIELDS.items()}
    return {**fields, **_FURTHER}


def find_invalid_members(answer: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Iterator[InvalidMember]:
    """Each member that is not what it should be; null is nothing."""
    for name, value in answer.items():
        kind = kinds.get(name)
        if value is None or (_is_plain(kind, value) and name not in CREDENTIALS):
            continue
        if kind is not None and not fits(name, kind, value):
            yield InvalidMember(name, "an object" if name == "jwks" else _WORDS[kind], _actual(value))
        elif name in CREDENTIALS and not value.isprintable():
            # RFC 6749 appendix A has printable characters alone; another would be a line of its own in a service's file
            yield InvalidMember(name, "a text of printable characters", "another one")
        elif isinstance(value, _NESTED) and _depth(value) > DEEPEST:
            yield InvalidMember(printable(name), f"at most {DEEPEST} levels", "more of them")
        elif not _is_whole(value) or (kind is None and not _is_whole(name)):
            yield InvalidMember(printable(name), "whole characters", "half of one, which no file can hold")


def _is_plain(kind: Kind | None, value: Any) -> bool:
    """Whether a value is at first sight what its kind asks for, as nearly all are: nothing more has to be looked at."""
    if kind is Kind.SET:
        return type(value) is list and _ONLY_TEXTS.issuperset(map(type, value)) and "".join(value).isascii()
    return kind is not None and type(value) is _PLAIN.get(kind) and (type(value) is not str or value.isascii())


def fits(name: str, kind: Kind, value: Any) -> bool:
    """Whether a member of an answer is of its kind."""
    if type(value) is _PLAIN.get(kind):
        return True
    match kind:
        case Kind.SET:
            is_words = name == "scope" and isinstance(value, str)
            return is_words or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        case Kind.SECONDS:
            return isinstance(value, float) and value.is_integer()
        case Kind.JWKS:
            return isinstance(value, dict if name == "jwks" else str)
        case _:
            return kind is Kind.JSON


def _actual(value: Any) -> str:
    others = [item for item in value if not isinstance(item, str)] if isinstance(value, list) else []
    return f"a list with {_word(others[0])} in it" if others else _word(value)


def _word(value: Any) -> str:
    words = {bool: "true or false", int: "a number", float: "a fraction", str: "a text", list: "a list"}
    return "null" if value is None else words.get(type(value), "an object")


def _is_whole(value: Any) -> bool:
    """Whether no text in the value has half of a character (a surrogate alone)."""
    match value:
        case str():
            return value.isascii() or not _HALVES.search(value)
        case list():
            return all(map(_is_whole, value))
        case dict():
            return all(_is_whole(name) and _is_whole(item) for name, item in value.items())
        case _:
            return True


def _depth(value: Any) -> int:
    """Levels of lists and objects; counted level by level, for a recursion would end where the nesting does not."""
    level, depth = [value], 0
    while level := [
        inner
        for item in level
        if isinstance(item, _NESTED)
        for inner in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
    return depth


class ServerRule(Struct, frozen=True, kw_only=True):
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


class ReadRule(ServerRule, frozen=True, kw_only=True):
    """How an answered value becomes canonical: `act(value)`, None for absent; for the fields in `names`."""

    names: frozenset[str]
    act: Callable[[Any], Any]


class NameRule(ServerRule, frozen=True, kw_only=True):
    """A field that has another name and form on the wire: `send(value)` and `receive(value)` change the form."""

    name: str
    wire: str
    send: Callable[[Any], Any]
    receive: Callable[[Any], Any]


class KeepRule(ServerRule, frozen=True, kw_only=True):
    """The server keeps metadata that an IAM does not have: fields of `Field.of_others`, and `extra`."""


class ForceRule(ServerRule, frozen=True, kw_only=True):
    """What the server makes of wanted fields by itself, at every write: `act(fields)`. It is no difference."""

    act: Callable[[Fields], Fields]


class CreateForceRule(ServerRule, frozen=True, kw_only=True):
    """A value that a create forces whatever was sent; one PUT after the create sets it as wanted.

    `only_if_absent`: it does so only where nothing was sent.
    """

    name: str
    value: Value
    only_if_absent: bool = False


class DefaultRule(ServerRule, frozen=True, kw_only=True):
    """What a create gives fields that are left out, flags that are false aside; a server can be set up otherwise."""

    values: Fields


class PutBody(Struct):
    """The body of a replacing PUT while the rules work on it, one after the other."""

    fresh: Registration
    fields: Fields
    declared: frozenset[str]
    facts: Facts
    body: dict[str, Any] = field(default_factory=dict)


class BodyRule(ServerRule, frozen=True, kw_only=True):
    """One step from a fresh answer to the body of a replacing PUT: `act(draft)` changes `draft.body`."""

    act: Callable[[PutBody], None]


class StripRule(ServerRule, frozen=True, kw_only=True):
    """Members of an answer that are never sent back."""

    names: frozenset[str]


class RefuseRule(ServerRule, frozen=True, kw_only=True):
    """What is refused before sending: `act(fields, facts)` gives a `hit` for each reason; facts None when offline.

    Members of the sets in `only_new` that the client has already do not count. `is_certain` is False where servers of
    the same flavour differ: then it is a warning. `of_whole`: it looks at all that the client will have, with what
    the definition leaves as it is.
    """

    act: Callable[[Fields, Facts | None], Iterable[Diagnostic]]
    is_certain: bool = True
    only_new: frozenset[str] = frozenset()
    of_whole: bool = False


class ClientIdRule(ServerRule, frozen=True, kw_only=True):
    """A client_id that the server takes and cannot serve, or refuses: `act(client_id)` says why, "" for a good one.

    `only_new`: a client that has such an id can be managed, but none should be registered.
    """

    act: Callable[[str], str]
    only_new: bool = False


class StripScopeRule(ServerRule, frozen=True, kw_only=True):
    """Scopes that any write of this login may take from a client: `act(scopes)` gives them."""

    act: Callable[[frozenset[str]], frozenset[str]]


class ProtectRule(ServerRule, frozen=True, kw_only=True):
    """A client that is never touched: `act(answer)` says whether this is one; `why` completes "it is ..."."""

    act: Callable[[Mapping[str, Any]], bool]
    why: str


class SecretRule(ServerRule, frozen=True, kw_only=True):
    """A fact of a client's secret: `act(facts, before, after)`, auth methods before and after a write."""

    act: Callable[[Facts, str, str], bool]


class SwitchRule(ServerRule, frozen=True, kw_only=True):
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
        renamed = {name: (rule.wire, (rule.receive,)) for name, rule in self.names.items()}
        # of each field that an answer can have: its name there, and what makes the value canonical, in order
        self.readers = {
            name: (wire, (*first, *(rule.act for rule in reads if name in rule.names)))
            for name, field in FIELDS.items()
            if self.keeps_others or not field.of_others
            for wire, first in [renamed.get(name, (name, ()))]
        }
        self._at: dict[frozenset[Table], Rules] = {}

    def at(self, api: Capabilities) -> Rules:
        """The rules of one API."""
        if api.tables not in self._at:
            self._at[api.tables] = Rules(rule for rule in self.table if rule.table in api.tables)
        return self._at[api.tables]

    def _of(self, kind: type[R]) -> list[R]:
        return [rule for rule in self.table if isinstance(rule, kind)]
