"""The kinds of rules there are: what a server does to what it is sent, one class for each place it matters. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iac.core.registration import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iac.core.model import Fields, Value
    from iac.core.registration import Facts, Registration

IAM = frozenset({Api.ADMIN, Api.SELF_SERVICE})
"""Both APIs of an INDIGO IAM."""

EVERY = frozenset(Api)
"""Every API, that of a server which has only RFC 7591 too."""


def only(*apis: Api) -> frozenset[Api]:
    """Just these APIs."""
    return frozenset(apis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that a server does.

    Attributes:
        id: stable kebab-case name.
        traps: numbers of the list in docs/reference/server-behaviour.md.
        what: what the server does, one sentence.
        source: the recordings that show it.
        apis: by which APIs it does so.
    """

    id: str
    traps: tuple[int, ...]
    what: str
    source: str
    apis: frozenset[Api] = IAM


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRule(Rule):
    """How an answered value becomes canonical: `act(value)`, None for absent; for the fields in `names`."""

    names: frozenset[str]
    act: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule(Rule):
    """A field that has another name and form on the wire: `send(value)` and `receive(value)` change the form."""

    name: str
    wire: str
    send: Callable[[Any], Any]
    receive: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRule(Rule):
    """What the server makes of wanted fields by itself, at every write: `act(fields)`, so that it is no diff."""

    act: Callable[[Fields], Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateForceRule(Rule):
    """A value that a create forces whatever was sent; one PUT after the create sets it as wanted.

    `only_if_absent`: it does so only where nothing was sent.
    """

    name: str
    value: Value
    only_if_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRule(Rule):
    """What a create gives fields that are left out, flags that are false aside; a server can be set up otherwise."""

    values: Fields


@dataclass(slots=True)
class Draft:
    """The body of a replacing PUT while the rules work on it, one after the other."""

    fresh: Registration
    fields: Fields
    declared: frozenset[str]
    facts: Facts
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRule(Rule):
    """One step from a fresh answer to the body of a replacing PUT: `act(draft)` changes `draft.body`."""

    act: Callable[[Draft], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripRule(Rule):
    """Members of an answer that are never sent back."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRule(Rule):
    """What is refused before sending: `act(fields, facts)` gives (field, summary, fix); facts None when offline.

    Members of the sets in `only_new` that the client has already do not count. `is_certain` is False where servers of
    the same flavour differ: then it is a warning.
    """

    act: Callable[[Fields, Facts | None], tuple[str, str, str] | None]
    is_certain: bool = True
    only_new: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StripScopeRule(Rule):
    """Scopes that any write of this login may take from a client: `act(scopes)` gives them."""

    act: Callable[[frozenset[str]], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectRule(Rule):
    """A client that is never touched: `act(answer)` says whether this is one; `why` completes "it is ..."."""

    act: Callable[[Mapping[str, Any]], bool]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule(Rule):
    """A fact of a client's secret: `act(facts, before, after)`, auth methods before and after a write."""

    act: Callable[[Facts, str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRule(Rule):
    """A number or switch for code that cannot be a row of the table (HTTP, chosen secrets)."""

    value: int | bool
