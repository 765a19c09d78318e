"""State as JSON and back: one table for each class, read strictly. Pure.

What is not as it was written is damage: each member is there once and of its kind, and none is left over. Sets are
sorted, so the same value has the same text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from iac.core.model import FIELDS, Fields, Value
from iac.core.state.model import (
    Approval,
    ClientGone,
    ClientKey,
    ClientState,
    ClientWritten,
    Event,
    Intent,
    IntentDropped,
    IntentGiven,
    OutputRecord,
    OutputWritten,
    Predecessor,
    PredecessorGone,
    SealedSecret,
    SecretStatus,
    State,
    Tombstone,
)

T = TypeVar("T")

Object = dict[str, Any]

Reader = Callable[[Any, str], Any]
"""Reads a JSON value: gives what it means, or raises `MalformedValue` with the place that it is told."""

DEPTH = 64
"""How deep a JSON value may be nested: far below what the parser of any Python takes."""

_CREDENTIAL = re.compile(r"(?:secret|token|password|registration_client_uri)\Z")
"""Members that may hold one: a registration_client_uri has a login in it on some servers."""


class MalformedValue(ValueError):
    """A value is not what its place asks for; the message says place and type, never the value."""


def _of_type(kind: type, words: str) -> Reader:
    def read(value: Any, at: str) -> Any:
        if type(value) is not kind:  # true does not count as a number here
            raise MalformedValue(f"{at}: not {words}")
        return value

    return read


TEXT = _of_type(str, "a text")
FLAG = _of_type(bool, "true or false")
LIST = _of_type(list, "a list")
OBJECT = _of_type(dict, "an object")
_ONLY_TEXTS = frozenset({str})
_NUMBER = _of_type(int, "a whole number")


def anything(value: Any, at: str) -> Any:  # noqa: ARG001  # a reader
    """A JSON value as it is."""
    return value


def number(least: int) -> Reader:
    """A whole number from `least` on."""

    def read(value: Any, at: str) -> int:
        if _NUMBER(value, at) < least:
            raise MalformedValue(f"{at}: less than {least}")
        return int(value)

    return read


COUNT = number(0)


def matching(pattern: re.Pattern[str], words: str) -> Reader:
    """A text of a pattern."""

    def read(value: Any, at: str) -> str:
        if not pattern.fullmatch(TEXT(value, at)):
            raise MalformedValue(f"{at}: not {words}")
        return str(value)

    return read


def one_of(kind: type[StrEnum]) -> Reader:
    """A member of an enumeration."""

    def read(value: Any, at: str) -> StrEnum:
        if TEXT(value, at) not in set(kind):
            raise MalformedValue(f"{at}: not one of {', '.join(kind)}")
        return kind(value)

    return read


def items(read_item: Reader) -> Reader:
    """A list of such values."""
    return lambda value, at: tuple(read_item(item, f"{at}[{index}]") for index, item in enumerate(LIST(value, at)))


def texts(value: Any, at: str) -> tuple[str, ...]:
    """A list of texts; of them there are most."""
    if not _ONLY_TEXTS.issuperset(map(type, LIST(value, at))):
        raise MalformedValue(f"{at}: not a list of texts")
    return tuple(value)


def named(read_item: Reader) -> Reader:
    """An object with such values under any names."""

    def read(value: Any, at: str) -> Object:
        # Each is taken out when it is read, so that a large state is not in memory twice.
        return {name: read_item(value.pop(name), f"{at}.{name}") for name in list(OBJECT(value, at))}

    return read


def known(**members: Reader) -> Reader:
    """An object that has these members; it stays as it is, with others that it may have."""

    def read(value: Any, at: str) -> Object:
        for name, reader in members.items():
            if name not in OBJECT(value, at):
                raise MalformedValue(f"{at}.{name}: missing")
            reader(value[name], f"{at}.{name}")
        return dict(value)

    return read


_NO_DEFAULT = object()


class ObjectShape(Generic[T]):
    """A class as a JSON object, and a reader of it.

    Args:
        kind: the class.
        optional: members that are left out where they have the default of the class.
        tag: what the member `type` says, where an object can be of several classes.
        members: how each member is read, in the order of the document.
    """

    of: ClassVar[dict[type, ObjectShape[Any]]] = {}

    def __init__(self, kind: type[T], *, optional: tuple[str, ...] = (), tag: str = "", **members: Reader) -> None:
        self._kind = kind
        self._members = members
        self._tag = {"type": tag} if tag else {}
        # Only an instance knows the defaults of its class, whatever makes the class.
        bare = kind(**dict.fromkeys(members.keys() - set(optional)))
        self._defaults = {name: getattr(bare, name) for name in optional}
        self._needed = members.keys() - self._defaults.keys()
        ObjectShape.of[kind] = self

    def __call__(self, value: Any, at: str) -> T:
        """The value of a JSON object; raises `MalformedValue`."""
        data = OBJECT(value, at)
        if not data.keys() <= self._members.keys():  # the next write would lose it
            raise MalformedValue(f"{at}.{min(data.keys() - self._members.keys())}: not a member of this version")
        if not data.keys() >= self._needed:
            raise MalformedValue(f"{at}.{min(self._needed - data.keys())}: missing")
        return self._kind(**{name: self._members[name](member, f"{at}.{name}") for name, member in data.items()})

    def members_of(self, value: T) -> Object:
        """The members that are written, as the value has them."""
        members = {
            name: member
            for name in self._members
            if (member := getattr(value, name)) != self._defaults.get(name, _NO_DEFAULT)
        }
        return {**self._tag, **members}


def _to_json(value: Any) -> Any:
    """A value of state that is not one of JSON, as one; the encoder asks for each value inside it again."""
    shape = ObjectShape.of.get(type(value))
    if shape is not None:
        return shape.members_of(value)
    # What is no set either is no value of state: the TypeError is the encoder's own.
    return sorted(value) if isinstance(value, frozenset) else json.JSONEncoder().default(value)


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False, default=_to_json).encode


def _applied(value: Any, at: str) -> Mapping[str, Value]:
    return {name: _field_value(name, item, f"{at}.{name}") for name, item in OBJECT(value, at).items()}


def _field_value(name: str, value: Any, at: str) -> Any:
    """The value of a field: of its kind where this program knows the field, else any JSON value."""
    if name not in FIELDS:
        check_json(value, at)
        return _frozen(value)
    if type(value) is list:
        return texts(value, at)
    if type(value) not in {str, int, bool}:
        raise MalformedValue(f"{at}: not a field's value")
    return value


def _frozen(value: Any) -> Any:
    """A JSON value with tuples instead of lists."""
    if type(value) is list:
        return tuple(_frozen(member) for member in value)
    return {name: _frozen(member) for name, member in value.items()} if type(value) is dict else value


def _predecessors(value: Any, at: str) -> tuple[Predecessor, ...]:
    predecessors: tuple[Predecessor, ...] = items(PREDECESSOR)(value, at)  # of clients, whose form has this in it
    return predecessors


def _answer(value: Any, at: str) -> Object:
    answer: Object = OBJECT(value, at)
    check_json(answer, at)
    return answer


SECRET = ObjectShape(
    SealedSecret,
    optional=("recipients", "state_recipients"),
    sealed=TEXT,
    salt=TEXT,
    fingerprint=TEXT,
    version=COUNT,
    since=TEXT,
    recipients=texts,
    state_recipients=texts,
)
KEY = ObjectShape(ClientKey, kid=TEXT, public=TEXT, private=SECRET)
CLIENT = ObjectShape(
    ClientState,
    optional=(
        *("owners", "secret", "rat", "registration_uri", "adopted_at", "generation", "predecessors", "answer"),
        *("token_renewed", "additions"),
    ),
    client_id=TEXT,
    provider=TEXT,
    applied=_applied,
    declared=lambda value, at: frozenset(texts(value, at)),
    owners=texts,
    secret=SECRET,
    secret_status=one_of(SecretStatus),
    secret_serial=COUNT,
    prevent_destroy=FLAG,
    applied_at=TEXT,
    rat=SECRET,
    registration_uri=TEXT,
    adopted_at=TEXT,
    generation=number(1),
    predecessors=_predecessors,
    answer=_answer,
    token_renewed=FLAG,
    additions=named(texts),
)
PREDECESSOR = ObjectShape(Predecessor, client=CLIENT, grace=COUNT, since=TEXT)
INTENT = ObjectShape(
    Intent,
    optional=("secret", "begun"),
    address=TEXT,
    client_id=TEXT,
    action=TEXT,
    run_id=TEXT,
    at=TEXT,
    secret=SECRET,
    begun=FLAG,
)
TOMBSTONE = ObjectShape(Tombstone, address=TEXT, client=CLIENT, deleted_at=TEXT)
OUTPUT = ObjectShape(OutputRecord, optional=("read",), digest=TEXT, clients=texts, sink=TEXT, serial=COUNT, read=TEXT)
APPROVAL = ObjectShape(Approval, optional=("seen",), digest=TEXT, changes=texts, at=TEXT, seen=named(TEXT))
STATE = ObjectShape(
    State,
    optional=("approval", "keys"),
    project=TEXT,
    environment=TEXT,
    issuer=TEXT,
    served_issuer=TEXT,
    lineage=TEXT,
    serial=COUNT,
    run_id=TEXT,
    approval=APPROVAL,
    clients=named(CLIENT),
    outputs=named(OUTPUT),
    intents=named(INTENT),
    tombstones=items(TOMBSTONE),
    keys=named(items(KEY)),
)
EVENTS: Mapping[str, ObjectShape[Any]] = {
    "client_written": ObjectShape(ClientWritten, tag="client_written", address=TEXT, client=CLIENT),
    "client_gone": ObjectShape(
        ClientGone, tag="client_gone", optional=("tombstone",), address=TEXT, tombstone=TOMBSTONE
    ),
    "predecessor_gone": ObjectShape(PredecessorGone, tag="predecessor_gone", tombstone=TOMBSTONE),
    "intent_given": ObjectShape(IntentGiven, tag="intent_given", intent=INTENT),
    "intent_dropped": ObjectShape(IntentDropped, tag="intent_dropped", address=TEXT),
    "output_written": ObjectShape(OutputWritten, tag="output_written", optional=("record",), path=TEXT, record=OUTPUT),
}
"""The events of a journal; the member `type` names each."""


def event(value: Any, at: str) -> Event:
    """A journal event out of its JSON object; raises `MalformedValue`."""
    members = dict(OBJECT(value, at))
    kind = TEXT(members.pop("type", None), f"{at}.type")
    if kind not in EVENTS:
        raise MalformedValue(f"{at}.type: not an event of this version")
    parsed: Event = EVENTS[kind](members, at)
    return parsed


_ALWAYS_WRITABLE = frozenset({str, bool, int, type(None)})


def check_json(value: Any, at: str, depth: int = DEPTH) -> None:
    """Refuse a value out of JSON that cannot be written as it was read: a number beyond all bounds, deep nesting.

    Raises:
        MalformedValue: it is one.
    """
    if type(value) is float and not math.isfinite(value):
        raise MalformedValue(f"{at}: a number that is too large")
    if type(value) in {list, dict}:
        if depth == 0:
            raise MalformedValue(f"{at}: nested too deep")
        for member in value.values() if type(value) is dict else value:
            if type(member) not in _ALWAYS_WRITABLE:
                check_json(member, at, depth - 1)


def kept_answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """All members of an answer but credentials, at any depth, and values that state cannot hold."""
    return {name: _without_credentials(value) for name, value in answer.items() if _is_kept(name, value)}


def _without_credentials(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_credentials(item) for item in value]
    return kept_answer(value) if isinstance(value, dict) else value


def without_credentials(fields: Fields) -> Fields:
    """The fields but for those of `extra` that hold what may be a credential: no view and no file has those."""
    return {name: value for name, value in fields.items() if name in FIELDS or _is_harmless(name, str(value))}


def _is_harmless(name: str, text: str) -> bool:
    member = {name: json.loads(text)}
    return member == kept_answer(member)


def _is_kept(name: str, value: Any) -> bool:
    if isinstance(value, str) and _CREDENTIAL.search(name):
        return False
    try:
        check_json(value, name)
    except MalformedValue:
        return False
    return True


def load(text: str) -> Any:
    """The value of a JSON text; raises `MalformedValue`, also for a member that is there twice."""
    try:
        return json.loads(text, object_pairs_hook=unique_members, parse_constant=refuse_constant)
    except MalformedValue:
        raise
    except json.JSONDecodeError as error:
        raise MalformedValue(f"not JSON from line {error.lineno} column {error.colno} on: {error.msg}") from None
    except RecursionError:
        raise MalformedValue("nested too deep") from None
    except ValueError:  # Python refuses to read whole numbers of more than 4,300 digits
        raise MalformedValue("a number with too many digits") from None


def dump(value: Any) -> str:
    """The JSON text of a value, in one line, its members sorted; raises `MalformedValue` for what JSON cannot hold."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        raise MalformedValue("not a value of JSON") from None


def unique_members(pairs: list[tuple[str, Any]]) -> Object:
    """The members of a JSON object; refuses two of one name, which readers treat differently (RFC 8259 section 4)."""
    data = dict(pairs)
    if len(data) != len(pairs):
        raise MalformedValue("a member twice in one object")
    return data


def refuse_constant(name: str) -> Any:
    """JSON has no NaN and no infinity (RFC 8259 section 6)."""
    raise MalformedValue(f"{name} is not a JSON number")
