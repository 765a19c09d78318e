from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from iac.apply.outcome import Failed
from iac.apply.step import Steps
from iac.core.desired import Disposition, MovedEntry, RemovedEntry
from iac.core.errors import IacError, Location, StalePlan, StateError, UnknownOutcome
from iac.core.plan.change import Action, Change
from iac.sandbox.flavour import Flavour
from iac.session.ledger import Ledger
from tests.core.build import NEW, desired
from tests.fakes.provider import after, lost_after, lost_before, unreachable
from tests.fakes.world import World

APP = desired()
HERE = Location("iac.yaml", 12)
EACH = pytest.mark.parametrize("flavour", list(Flavour))


def leaving(flavour: Flavour | str, then: Disposition = Disposition.DELETE) -> World:
    world = World(flavour)
    assert world.apply(APP).is_complete
    world.project = {"removed": (RemovedEntry("team/app", then, HERE),)}
    world.provider.calls.clear()
    return world


def failure(world: World, *clients: Any, **options: Any) -> IacError:
    (outcome,) = world.apply(*clients, **options).outcomes
    assert isinstance(outcome, Failed)
    return outcome.error


def is_gone(world: World) -> bool:
    return world.iam.world.store.find("app") is None and "team/app" not in world.backend.load().clients


@EACH
def test_a_deleted_client_leaves_a_tombstone_with_its_secret(flavour: Flavour) -> None:
    world = leaving(flavour)
    before = world.held()
    assert world.apply().is_complete
    assert is_gone(world)
    (grave,) = world.backend.load().tombstones
    assert ("team/app", replace(before, owners=())) == (grave.address, grave.client)
    assert world.plan().is_empty


@EACH
def test_a_delete_whose_answer_is_lost_is_read_back(flavour: Flavour) -> None:
    world = leaving(flavour)
    world.provider.script("delete", lost_after)
    assert world.apply().is_complete
    assert is_gone(world)


@EACH
def test_a_delete_without_effect_fails_and_is_done_by_the_next_run(flavour: Flavour) -> None:
    world = leaving(flavour)
    world.provider.script("delete", lost_before)
    assert isinstance(failure(world), UnknownOutcome)
    assert world.apply().is_complete
    assert is_gone(world)


@EACH
def test_a_client_that_somebody_else_deleted_meanwhile_is_done(flavour: Flavour) -> None:
    world = leaving(flavour)
    world.provider.script("get", after(world.remove))
    assert world.apply().is_complete
    assert is_gone(world)


@EACH
def test_a_client_that_changed_since_the_plan_is_not_deleted(flavour: Flavour) -> None:
    world = leaving(flavour)
    world.provider.script("get", after(lambda: world.edit(client_uri="https://still.in.use.example.org/")))
    error = failure(world)
    assert (StalePlan, "fields: client_uri") == (type(error), error.why)
    assert not is_gone(world)


@EACH
def test_a_forgotten_client_stays_on_the_server(flavour: Flavour) -> None:
    world = leaving(flavour, Disposition.FORGET)
    assert world.apply().is_complete
    assert "An app" == world.on_server().client_name
    assert ({}, ()) == (world.backend.load().clients, world.backend.load().tombstones)


@EACH
def test_a_delete_that_died_before_it_was_written_down_still_leaves_a_tombstone(flavour: Flavour) -> None:
    world = leaving(flavour)
    world.remove()
    assert world.apply().is_complete
    assert 1 == len(world.backend.load().tombstones)


def test_a_tombstone_goes_with_a_run_after_30_days() -> None:
    world = leaving("1.14")
    world.apply()
    world.project = {}
    world.clock.sleep(timedelta(days=29).total_seconds())
    world.apply(desired("team/other"))
    assert 1 == len(world.backend.load().tombstones)
    world.clock.sleep(timedelta(days=2).total_seconds())
    world.apply(desired("team/other"))
    assert () == world.backend.load().tombstones


@EACH
def test_a_moved_client_keeps_its_secret_under_its_new_address(flavour: Flavour) -> None:
    world = World(flavour)
    assert world.apply(APP).is_complete
    before, new = world.secret(), desired("team/new", client_id="app")
    world.project = {"moved": (MovedEntry("team/app", "team/new", HERE),)}
    world.provider.calls.clear()
    assert world.apply(new).is_complete
    assert before == world.secret("team/new")
    assert {"team/new"} == set(world.backend.load().clients)
    assert {"read"} == {operation for operation, _ in world.provider.calls}
    assert world.plan(new).is_empty


def test_a_moved_client_without_a_secret_has_nothing_to_seal() -> None:
    world = World("1.14")
    world.apply(desired(token_endpoint_auth_method="none"))
    world.project = {"moved": (MovedEntry("team/app", "team/new", HERE),)}
    assert world.apply(desired("team/new", client_id="app", token_endpoint_auth_method="none")).is_complete
    assert world.held("team/new").secret is None


def test_a_move_takes_a_recreation_that_was_interrupted_along() -> None:
    world = World("1.14")
    world.apply(APP)
    world.remove()
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    assert "the server cannot be reached" in failure(world, APP, recreate=frozenset({"team/app"})).why
    world.project = {"moved": (MovedEntry("team/app", "team/new", HERE),)}
    assert world.apply(desired("team/new", client_id="app")).is_complete
    assert world.logs_in("team/new")


def test_a_move_without_the_key_of_the_state_is_refused_before_anything_is_sent() -> None:
    world = World("1.14")
    world.apply(APP)
    world.vault.has_key = False
    world.project = {"moved": (MovedEntry("team/app", "team/new", HERE),)}
    with pytest.raises(StateError, match="without the key"):
        world.apply(desired("team/new", client_id="app"))
    assert {"team/app"} == set(world.backend.load().clients)


def test_forgetting_a_client_that_has_left_state_already_writes_nothing() -> None:
    world = World("1.14")
    ledger = Ledger(world.backend, world.vault, world.clock, world.backend.load())
    steps = Steps(world.provider, ledger, NEW, {}, "iam-admin")
    steps.do(Change("team/app", "app", "An app", Action.FORGET, "only its output is left", None))
    assert [] == world.backend.journal
