from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.state.model import (
    ClientGone,
    ClientKey,
    ClientWritten,
    Event,
    IntentDropped,
    IntentGiven,
    OutputRecord,
    OutputWritten,
    Predecessor,
    PredecessorGone,
    State,
    Tombstone,
    fold,
    without_old_tombstones,
)
from tests.core.build import NOW, applied, desired, intent, sealed, state

APP = desired()
GRAVE = Tombstone(APP.address, applied(APP), NOW)
RECORD = OutputRecord("sha256:x", (APP.address,))
EVENTS: list[Event] = [
    ClientWritten(APP.address, applied(APP)),
    ClientWritten(APP.address, applied(desired(client_name="Another"))),
    ClientWritten("team/other", applied(desired("team/other"))),
    ClientGone(APP.address, GRAVE),
    ClientGone(APP.address, None),
    IntentGiven(intent(APP)),
    IntentGiven(intent(APP, "rotate")),
    IntentDropped(APP.address),
    OutputWritten("out/app.env", RECORD),
    OutputWritten("out/app.env", None),
    PredecessorGone(Tombstone(APP.address, applied(desired(client_id="old")), NOW)),
    ClientWritten(APP.address, applied(APP, predecessors=(Predecessor(applied(desired(client_id="old"))),))),
]


def folded(*events: Event) -> State:
    found = state()
    for event in events:
        found = fold(found, event)
    return found


@given(st.lists(st.sampled_from(EVENTS)), st.sampled_from(EVENTS))
def test_an_event_twice_is_an_event_once(before: list[Event], event: Event) -> None:
    assert folded(*before, event) == folded(*before, event, event)


@given(st.lists(st.sampled_from(EVENTS)))
def test_a_journal_read_twice_is_a_journal_read_once(events: list[Event]) -> None:
    once, twice = folded(*events), folded(*events, *events)
    assert once == twice


def test_a_client_that_is_written_fulfils_its_intent() -> None:
    found = folded(IntentGiven(intent(APP)), ClientWritten(APP.address, applied(APP)))
    assert {APP.address: applied(APP)} == found.clients
    assert {} == found.intents


@pytest.mark.parametrize(("grave", "tombstones"), [(GRAVE, (GRAVE,)), (None, ())])
def test_a_client_that_is_gone_leaves_state_with_its_intent(
    grave: Tombstone | None, tombstones: tuple[Tombstone, ...]
) -> None:
    found = folded(EVENTS[0], IntentGiven(intent(APP, "delete")), ClientGone(APP.address, grave))
    assert ({}, {}, tombstones) == (found.clients, found.intents, found.tombstones)


def test_a_deleted_client_that_is_back_with_its_secret_has_no_grave() -> None:
    assert () == folded(ClientGone(APP.address, GRAVE), ClientWritten(APP.address, applied(APP))).tombstones


@pytest.mark.parametrize(
    "other",
    [
        ClientWritten(APP.address, applied(APP, secret=sealed(version=2))),
        ClientWritten(APP.address, applied(APP, client_id="other")),
        ClientWritten("team/other", applied(APP)),
    ],
)
def test_another_client_leaves_the_grave(other: ClientWritten) -> None:
    assert (GRAVE,) == folded(ClientGone(APP.address, GRAVE), other).tombstones


def test_an_intent_is_replaced_by_the_next_and_dropped() -> None:
    assert {APP.address: intent(APP, "rotate")} == folded(EVENTS[5], EVENTS[6]).intents
    assert {} == folded(EVENTS[5], IntentDropped(APP.address)).intents


def test_an_output_is_remembered_and_forgotten() -> None:
    assert {"out/app.env": RECORD} == folded(EVENTS[8]).outputs
    assert {} == folded(EVENTS[8], EVENTS[9]).outputs


def test_a_tombstone_goes_when_its_time_is_over() -> None:
    old, young = (Tombstone("team/app", applied(desired()), day) for day in ("2026-01-01", "2026-03-01"))
    kept = without_old_tombstones(state(tombstones=(old, young)), "2026-02-01")
    assert (young,) == kept.tombstones


def test_the_keys_of_a_client_go_with_its_tombstone_and_one_that_is_made_for_the_next_stays() -> None:
    old, new = (ClientKey(kid, "{}", replace(sealed(), since=f"2026-0{kid}-01")) for kid in "13")
    grave = replace(GRAVE, deleted_at="2026-02-01")
    held = replace(state(tombstones=(grave,)), keys={APP.address: (old, new), "team/other": (old,)})
    assert held == without_old_tombstones(held, "2026-02-01")
    assert {APP.address: (new,), "team/other": (old,)} == without_old_tombstones(held, "2026-02-02").keys
    assert {"team/other": (old,)} == without_old_tombstones(
        replace(held, keys={**held.keys, APP.address: (old,)}), "2026-02-02"
    ).keys
    back = replace(held, clients={APP.address: applied(APP)})
    assert held.keys == without_old_tombstones(back, "2026-02-02").keys
