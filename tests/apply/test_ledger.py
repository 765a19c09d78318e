from __future__ import annotations

import pytest

from iac.apply.ledger import Ledger
from iac.core.secret import Secret
from tests.core.build import applied, desired
from tests.fakes.world import World


@pytest.fixture
def ledger() -> Ledger:
    world = World("1.14")
    return Ledger(world.backend, world.vault, world.clock, world.backend.load())


def test_a_secret_is_the_one_that_was_sealed_not_the_last_of_its_address(ledger: Ledger) -> None:
    first = ledger.seal("team/app", Secret("first"), 1)
    second = ledger.seal("team/app", Secret("second"), 2)
    assert ("first", "second") == (ledger.open("team/app", first).reveal(), ledger.open("team/app", second).reveal())


def test_times_are_in_utc_and_seconds(ledger: Ledger) -> None:
    assert "2026-11-23T10:00:01Z" == ledger.now()


def test_a_field_that_is_released_is_no_longer_remembered() -> None:
    world = World("1.14")
    world.apply(desired(contacts=("ours@example.org",)))
    plan = world.plan(desired())
    assert [("contacts",)] == [released.fields for released in plan.released]
    assert world.apply(desired()).is_complete
    assert "contacts" not in world.held().declared
    assert "contacts" not in world.held().applied
    assert () == world.plan(desired()).released
    assert ("ours@example.org",) == world.on_server().contacts


def test_a_released_field_is_left_out_by_the_change_of_its_client() -> None:
    world = World("1.14")
    world.apply(desired(contacts=("ours@example.org",)))
    assert world.apply(desired(client_name="New name")).is_complete
    assert applied(desired(client_name="New name")).declared == world.held().declared
    assert "New name" == world.held().applied["client_name"]
    assert () == world.plan(desired(client_name="New name")).released
