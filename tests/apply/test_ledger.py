from __future__ import annotations

import pytest
from msgspec.structs import replace

from iac.core.secret import Secret
from iac.core.state.model import ClientWritten
from iac.session.ledger import Ledger, SecretKind
from tests.core.build import applied, desired
from tests.fakes.world import World


@pytest.fixture
def ledger() -> Ledger:
    world = World("1.14")
    return Ledger(world.backend, world.vault, world.clock, world.backend.load())


def test_a_secret_is_the_one_that_was_sealed_not_the_last_of_its_address(ledger: Ledger) -> None:
    first = ledger.seal("team/app", Secret("first"))
    second = ledger.seal("team/app", Secret("second"))
    assert ("first", "second") == (ledger.open("team/app", first).reveal(), ledger.open("team/app", second).reveal())


def test_a_registration_access_token_is_not_the_secret_of_its_address(ledger: Ledger) -> None:
    secret, rat = ledger.seal("team/app", Secret("secret")), ledger.seal("team/app", Secret("rat"), SecretKind.TOKEN)
    ledger.note(ClientWritten("team/app", replace(applied(desired()), secret=secret, rat=rat)))
    assert ("secret", "rat") == (
        ledger.open("team/app", secret).reveal(),
        ledger.open("team/app", rat, SecretKind.TOKEN).reveal(),
    )
    assert 2 == ledger.seal("team/app", Secret("next"), SecretKind.TOKEN).version


def test_a_registration_access_token_moves_and_is_sealed_anew_with_its_client() -> None:
    world = World("1.14")
    ledger = Ledger(world.backend, world.vault, world.clock, world.backend.load())
    client = replace(
        applied(desired()), secret=ledger.seal("team/app", Secret("secret")),
        rat=ledger.seal("team/app", Secret("rat"), SecretKind.TOKEN),
    )  # fmt: skip
    ledger.note(ClientWritten("team/app", client))
    ledger.move([("team/app", "new/app")])
    assert 2 == ledger.rekey().secrets
    moved = ledger.state.clients["new/app"]
    assert moved.rat is not None
    later = Ledger(world.backend, world.vault, world.clock, ledger.state)
    assert "rat" == later.open("new/app", moved.rat, SecretKind.TOKEN).reveal()


def test_times_are_in_utc_and_seconds(ledger: Ledger) -> None:
    assert "2026-11-23T10:00:01Z" == ledger.now()


def test_a_field_that_is_released_is_no_longer_remembered() -> None:
    world = World("1.14")
    world.apply(desired(contacts=("ours@example.org",)))
    plan = world.plan(desired())
    assert [("contacts",)] == [*plan.released.values()]
    assert world.apply(desired()).is_complete
    assert "contacts" not in world.held().declared
    assert "contacts" not in world.held().applied
    assert {} == world.plan(desired()).released
    assert ("ours@example.org",) == world.on_server().contacts


def test_what_a_definition_takes_over_from_the_server_is_remembered() -> None:
    world = World("1.14")
    both = ("ours@example.org", "theirs@example.org")
    world.apply(desired(contacts=both[:1], owners=()))
    world.edit(contacts=both, client_name="Theirs")
    client = desired(contacts=both, client_name="Theirs", owners=())
    assert ["client_name", "contacts"] == [
        field.name for fields in world.plan(client).taken_over.values() for field in fields
    ]
    assert world.apply(client).is_complete
    assert ("Theirs", both) == tuple(world.held().applied[name] for name in ("client_name", "contacts"))
    assert {} == world.plan(client).taken_over


def test_a_released_field_is_left_out_by_the_change_of_its_client() -> None:
    world = World("1.14")
    world.apply(desired(contacts=("ours@example.org",)))
    assert world.apply(desired(client_name="New name")).is_complete
    assert applied(desired(client_name="New name")).declared == world.held().declared
    assert "New name" == world.held().applied["client_name"]
    assert {} == world.plan(desired(client_name="New name")).released
