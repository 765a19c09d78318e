"""State documents and journals with a member that is of another type, cut, doubled, unknown or gone.

Whatever a file holds: it is refused with a way out, or it is a state that is written again and read again.
"""

from __future__ import annotations

import json
import zlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.errors import StateError
from iac.core.state.document import (
    Batch,
    TextOrigin,
    check_events,
    check_state,
    parse_journal,
    parse_state,
    render_batch,
    render_state,
    replay,
)
from iac.core.state.model import (
    Approval,
    ClientGone,
    ClientKey,
    ClientWritten,
    IntentDropped,
    OutputRecord,
    OutputWritten,
    Predecessor,
    PredecessorGone,
    SealedSecret,
    State,
    Tombstone,
)
from tests.backends.given import SEALED, client, events, holding, intended, states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.state.model import ClientState, Event

HERE = TextOrigin("state.json", "the way out")
LIMIT = settings(max_examples=400)
SECRET = replace(SEALED, recipients=("age1a",), state_recipients=("age1b", "age1c"))
WHOLE: ClientState = replace(
    client("a"),
    owners=("uuid",),
    secret=SECRET,
    rat=SECRET,
    registration_uri="https://r",
    adopted_at="2026-11-23T12:00:00Z",
    generation=2,
    predecessors=(Predecessor(client("old"), 60, "2026-11-23T12:00:00Z"),),
    answer={"active": True, "client_uri": None, "x": [1, {"y": 1.5}]},
)
FULL: State = replace(
    holding("b", serial=7),
    clients={"wlcg/a": WHOLE, "wlcg/b": client("b")},
    served_issuer="https://iam.example.org",
    outputs={"out/a.env": OutputRecord("sha256:1", ("wlcg/a",), "file", 6)},
    intents={"wlcg/c": replace(intended("c").intent, begun=True)},
    tombstones=(Tombstone("wlcg/d", WHOLE, "2026-11-23T12:00:00Z"),),
    approval=Approval("sha256:2", ("sha256:3",), "2026-11-23T12:00:00Z"),
    keys={"wlcg/a": (ClientKey("kid", "{}", SECRET),)},
)
EVENTS: tuple[Event, ...] = (
    ClientWritten("wlcg/a", WHOLE),
    ClientGone("wlcg/a", Tombstone("wlcg/a", WHOLE, "2026-11-23T12:00:00Z")),
    PredecessorGone(Tombstone("wlcg/a", WHOLE, "2026-11-23T12:00:00Z")),
    intended("c"),
    IntentDropped("wlcg/c"),
    OutputWritten("out/a.env", FULL.outputs["out/a.env"]),
)
BATCH = Batch(FULL.lineage, "run", FULL.serial, EVENTS)
HEADER = len('{"crc":"00000000",')

OTHERS: tuple[str, ...] = (
    "null", "true", "-1", "0", "1.0", "1.5", "-0.0", "1e400", "-1e400", "NaN", "Infinity", "9007199254740993",
    "1" * 4301, '""', '"x"', '"\\ud800"', '"\\u0000"', "[]", "[[]]", '["a", 1]', "{}", '{"a": {"b": null}}',
    "[" * 70 + "]" * 70, "[" * 5000 + "]" * 5000,
)  # fmt: skip
"""Texts of values that take the place of a member."""

_MARK = "\u0001here\u0001"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each key or index of it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _bent(data: st.DataObject, document: Any) -> str:
    """The text of a document in which one thing is not as it was."""
    document = deepcopy(document)
    holder, key = data.draw(st.sampled_from(list(_places(document))))
    kind = data.draw(st.sampled_from(["other", "gone", "unknown", "double", "renamed"]))
    if kind == "other":
        holder[key] = _MARK
        return json.dumps(document).replace(json.dumps(_MARK), data.draw(st.sampled_from(OTHERS)))
    if kind == "gone":
        del holder[key]
    elif kind == "unknown" and isinstance(holder, dict):
        holder["colour"] = "red"
    elif kind == "renamed" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif isinstance(holder, dict):
        holder[_MARK] = holder[key]
        return json.dumps(document).replace(json.dumps(_MARK), json.dumps(key))
    else:
        holder.append(holder[key])
    return json.dumps(document)


def _as_1_0(document: Any) -> Any:
    """A document as format 1.0 had it."""
    if isinstance(document, dict):
        new = ("served_issuer", "answer", "state_recipients", "begun")
        kept = {name: _as_1_0(value) for name, value in document.items() if name not in new}
        if {"digest", "clients", "sink"} <= kept.keys():
            kept.pop("serial", None)
        return {**kept, "format_version": "1.0"} if "format_version" in kept else kept
    return [_as_1_0(one) for one in document] if isinstance(document, list) else document


def _check_refusal(refusal: StateError) -> None:
    assert refusal.where
    assert refusal.why
    assert refusal.fix


def _sure(text: str) -> State | None:
    """The state of a text that is written and read again; None for one that was refused with a way out."""
    try:
        state = parse_state(text, HERE)
    except StateError as refusal:
        _check_refusal(refusal)
        return None
    check_state(state)
    assert state == parse_state(render_state(state), HERE)
    return state


DOCUMENT = json.loads(render_state(FULL))


@pytest.mark.parametrize("document", [DOCUMENT, _as_1_0(DOCUMENT)], ids=["1.1", "1.0"])
def test_the_document_is_one(document: Any) -> None:
    state = _sure(json.dumps(document))
    assert state is not None
    assert FULL.clients.keys() == state.clients.keys()


@LIMIT
@given(st.data(), st.booleans())
def test_a_document_that_is_bent_is_refused_or_a_state(data: st.DataObject, is_old: bool) -> None:  # noqa: FBT001
    _sure(_bent(data, _as_1_0(DOCUMENT) if is_old else DOCUMENT))


@LIMIT
@given(st.integers(0, len(render_state(FULL)) - 3))
def test_a_document_that_is_cut_is_refused(length: int) -> None:
    assert _sure(render_state(FULL)[:length]) is None


@LIMIT
@given(st.data(), st.booleans())
def test_a_journal_that_is_bent_is_refused_or_replayed(data: st.DataObject, is_old: bool) -> None:  # noqa: FBT001
    body = json.loads(b"{" + render_batch(BATCH)[HEADER:])
    text = _bent(data, _as_1_0(body) if is_old else body)[1:].encode()
    _replayed(b'{"crc":"%08x",%s\n' % (zlib.crc32(text), text))


@LIMIT
@given(st.integers(0, 2 * len(render_batch(BATCH))), st.binary(max_size=3))
def test_a_journal_that_is_cut_or_overwritten_is_refused_or_replayed(at: int, other: bytes) -> None:
    whole = render_batch(BATCH) * 2
    _replayed(whole[:at] + other)
    _replayed(whole[:at] + other + whole[at + len(other) :])


def _replayed(data: bytes) -> None:
    try:
        state = replay(FULL, parse_journal(data, HERE), HERE)
    except StateError as refusal:
        _check_refusal(refusal)
        return
    check_state(state)
    assert state == parse_state(render_state(state), HERE)


@given(states)
def test_every_state_may_be_written(state: State) -> None:
    check_state(state)


@given(st.lists(events, max_size=3))
def test_every_event_may_be_recorded(each: list[Event]) -> None:
    check_events(each)


STRANGE: tuple[Any, ...] = (float("nan"), float("inf"), 10**5000, {1, 2}, b"x", object())
"""Values that JSON cannot hold."""


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_a_value_that_the_reader_refuses_is_never_written(value: Any) -> None:
    bad = replace(client("a"), applied={"client_name": value})
    for write in (
        lambda: check_state(replace(FULL, clients={"a": bad})),
        lambda: render_batch(replace(BATCH, events=(ClientWritten("a", bad),))),
        lambda: check_events([ClientWritten("a", bad)]),
        lambda: check_state(replace(FULL, clients={"a": replace(client("a"), answer={"x": value})})),
        lambda: check_state(replace(FULL, serial=value)),
    ):
        with pytest.raises(StateError, match="cannot hold a value") as caught:
            write()
        assert caught.value.why
        assert caught.value.fix


def test_a_secret_that_is_no_text_is_never_written() -> None:
    bad: Any = SealedSecret(5, "", "", 1, "")  # type: ignore[arg-type]
    with pytest.raises(StateError, match="cannot hold a value"):
        check_state(replace(FULL, clients={"a": replace(client("a"), secret=bad)}))
