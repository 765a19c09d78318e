from __future__ import annotations

import json
from typing import Any

import pytest

from iac.core.state.codec import CLIENT, DEPTH, MalformedValue, check_json, dump, event
from iac.core.state.model import ClientWritten, Event, Predecessor, PredecessorGone, Tombstone
from tests.core.build import NOW, applied, desired
from tests.every import every


@pytest.mark.parametrize("value", [None, 1.5, {"a": 1}, [1], ["a", None]])
def test_an_applied_value_that_no_field_has_is_damage(value: Any) -> None:
    told = json.loads(dump(applied(desired())))
    told["applied"] = {**told["applied"], "scope": value}
    with pytest.raises(MalformedValue, match=r"applied\.scope"):
        CLIENT(told, "clients.team/app")


def test_an_event_and_a_client_with_predecessors_come_back_from_the_journal() -> None:
    old = Predecessor(applied(desired(client_id="old")), 60, NOW)
    events: list[Event] = [
        ClientWritten("team/app", applied(desired(), predecessors=(old,), generation=2, adopted_at=NOW)),
        PredecessorGone(Tombstone("team/app", old.client, NOW)),
    ]
    told = json.loads(dump(events))
    assert events == [event(each, "events") for each in told]


def test_a_value_that_is_nested_too_deep_to_be_read_again_is_refused() -> None:
    value: Any = 1
    for _ in range(DEPTH):
        value = [value]
    check_json(value, "answer")
    with pytest.raises(MalformedValue, match="answer: nested too deep"):
        check_json([value], "answer")


@every(
    "change, why",
    [
        ({"colour": "red"}, "clients.a.colour: not a member of this version"),
        ({"provider": ...}, "clients.a.provider: missing"),
        ({"provider": None}, "clients.a.provider: not a text"),
        ({"secret_serial": -1}, "clients.a.secret_serial: less than 0"),
        ({"secret_serial": True}, "clients.a.secret_serial: not a whole number"),
        ({"declared": ["scope", 1]}, "clients.a.declared: not a list of texts"),
        ({"secret_status": "seen"}, "clients.a.secret_status: not one of known, unknown, none"),
        ({"predecessors": [{}]}, "clients.a.predecessors[0].client: missing"),
    ],
)
def test_damage_is_told_with_its_place_and_its_kind(change: dict[str, Any], why: str) -> None:
    members = {**json.loads(dump(applied(desired()))), **change}
    with pytest.raises(MalformedValue) as caught:
        CLIENT({name: value for name, value in members.items() if value is not ...}, "clients.a")
    assert why == str(caught.value)


@pytest.mark.parametrize("value", [{1, 2}, b"", object(), float("nan"), {"a": [object()]}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(MalformedValue, match="not a value of JSON"):
        dump(value)
