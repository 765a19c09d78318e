from __future__ import annotations

import pytest
from msgspec.structs import replace

from iac.core.capabilities import FULL
from iac.core.plan.identity import base_of, client_id_of, predecessor_id, reinstate, successor, with_current_id
from iac.core.state.model import ClientState, Predecessor
from tests.core.build import applied, desired, state
from tests.every import every

APP = desired()
SECOND = replace(applied(APP), client_id="app.r2", generation=2)


def holding(client: ClientState) -> dict[str, ClientState]:
    return {"team/app": client}


@pytest.mark.parametrize(("generation", "client_id"), [(1, "app"), (2, "app.r2"), (11, "app.r11")])
def test_a_generation_has_an_id_of_which_the_definitions_is_the_base(generation: int, client_id: str) -> None:
    assert client_id == client_id_of("app", generation)
    assert "app" == base_of(replace(applied(APP), client_id=client_id, generation=generation))


@every(
    "client_id, expected",
    [("app.r2", "app"), ("app.r22", "app"), ("app.r2.r3", "app.r2"), ("app", ""), ("app.r", ""), ("app.rx", "")],
)
def test_ids_of_successors_are_known(client_id: str, expected: str) -> None:
    assert expected == predecessor_id(client_id)


def test_a_definition_means_the_client_that_its_address_has_by_now() -> None:
    assert APP == with_current_id(APP, None) == with_current_id(APP, applied(APP))
    now = with_current_id(APP, SECOND)
    assert ("app.r2", 2) == (now.client_id, now.generation)
    assert ("app.r3", 3) == (successor(now, FULL).client_id, successor(now, FULL).generation)
    other = desired(client_id="other")
    assert other == with_current_id(other, SECOND)


def test_a_predecessor_that_the_definition_names_again_is_the_client_once_more() -> None:
    old, new = applied(APP), replace(applied(APP), client_id="new")
    third = Predecessor(replace(old, client_id="third"), 5, "2026-11-23T10:00:00Z")
    held = replace(new, predecessors=(third, Predecessor(old)))
    turned = reinstate(state(holding(held)), [APP]).clients["team/app"]
    assert replace(old, predecessors=(third, Predecessor(new))) == turned


def test_a_definition_that_names_no_predecessor_turns_nothing_back() -> None:
    held = state(holding(replace(applied(APP), predecessors=(Predecessor(replace(applied(APP), client_id="old")),))))
    assert held == reinstate(held, [APP])
    assert held == reinstate(held, [desired(client_id="never-seen"), desired("team/unknown")])
    plain = state(holding(applied(APP)))
    assert plain is reinstate(plain, [desired(client_id="old")])
