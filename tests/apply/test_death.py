"""A run that dies at any call - of the server or of the state, before or after its effect - loses nothing.

After it the next run ends as if nothing had happened: one client, as wanted, whose secret is in state and logs in.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.desired import Disposition, Lifecycle, MovedEntry, RemovedEntry, Rotation
from iac.core.errors import Location
from iac.sandbox.flavour import Flavour
from tests.core.build import desired
from tests.fakes.world import OWNERS, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.core.desired import DesiredClient

HERE = Location("iac.yaml", 12)
BEFORE = desired(owners=OWNERS[:1])
KEYED = desired(token_endpoint_auth_method="none")


class Killed(BaseException):
    """kill -9."""


def die_at(world: World, call: int) -> Callable[[str], None]:
    numbers = count()

    def on_call(_: str) -> None:
        if next(numbers) == call:
            raise Killed

    world.provider.on_call = world.backend.on_call = on_call
    return on_call


def live(world: World, machine: str = "the same") -> None:
    """The next run begins, on the machine where the last one died or on a new one."""
    world.provider.on_call = world.backend.on_call = lambda _: None
    if machine == "another":
        world.backend.lose_machine()


MACHINES = pytest.mark.parametrize("machine", ["the same", "another"])


CASES: dict[str, tuple[tuple[DesiredClient, ...], tuple[DesiredClient, ...], dict[str, Any]]] = {
    "create": ((), (desired(allow_introspection=False, owners=OWNERS), desired("team/other")), {}),
    "recreate": ((BEFORE,), (BEFORE,), {"recreate": frozenset({"team/app"})}),
    "update": ((BEFORE,), (desired(owners=OWNERS[1:], client_name="New name"),), {}),
    "rotate": ((BEFORE,), (replace(BEFORE, secret_serial=2),), {}),
    "update and rotate": ((BEFORE,), (desired(client_name="New name", secret_serial=2),), {}),
    "to a method with a secret": ((KEYED,), (desired(),), {}),
    "to a method without": ((desired(),), (KEYED,), {}),
}


@MACHINES
@pytest.mark.parametrize("flavour", list(Flavour))
@pytest.mark.parametrize("case", CASES)
def test_a_run_that_dies_anywhere_is_ended_by_the_next(case: str, flavour: Flavour, machine: str) -> None:
    before, after, options = CASES[case]
    for call in count():
        world = World(flavour)
        world.apply(*before)
        if case == "recreate":
            world.remove()
        die_at(world, call)
        try:
            world.apply(*after, **options)
        except Killed:
            pass
        else:
            break
        live(world, machine)
        assert world.apply(*after, **options).is_complete, f"died at call {call}"
        assert [] == [change.to_dict() for change in world.plan(*after).changes], f"died at call {call}"
        for client in after:
            if client.fields["token_endpoint_auth_method"] != "none":
                assert world.logs_in(client.address), f"died at call {call}"
    assert 4 < call


@MACHINES
@pytest.mark.parametrize("flavour", list(Flavour))
@pytest.mark.parametrize("then", list(Disposition))
def test_a_leave_that_dies_anywhere_is_ended_by_the_next_run_and_a_deleted_secret_is_kept(
    then: Disposition, flavour: Flavour, machine: str
) -> None:
    for call in count():
        world = World(flavour)
        world.apply(BEFORE)
        secret = world.held().secret
        world.project = {"removed": (RemovedEntry("team/app", then, HERE),)}
        die_at(world, call)
        try:
            world.apply()
        except Killed:
            pass
        else:
            break
        live(world, machine)
        assert world.apply().is_complete
        assert {} == world.backend.load().clients
        graves = [grave.client.secret for grave in world.backend.load().tombstones]
        assert ([secret] if then is Disposition.DELETE else []) == graves, f"died at call {call}"
    assert 3 < call


STAYING = replace(BEFORE, lifecycle=Lifecycle(rotation=Rotation.REPLACE, grace=86400))
SUCCESSIONS: dict[str, tuple[tuple[DesiredClient, DesiredClient], set[str], list[str]]] = {
    "another client_id": ((BEFORE, desired(client_id="new", owners=OWNERS[:1])), {"new"}, ["app"]),
    "a rotation that replaces": ((STAYING, replace(STAYING, secret_serial=2)), {"app", "app.r2"}, []),
}


@MACHINES
@pytest.mark.parametrize("flavour", list(Flavour))
@pytest.mark.parametrize("case", SUCCESSIONS)
def test_a_succession_that_dies_anywhere_has_one_successor_and_deletes_the_old_client_last(
    case: str, flavour: Flavour, machine: str
) -> None:
    (before, after), registered, buried = SUCCESSIONS[case]
    for call in count():
        world = World(flavour)
        strangers = {client.client_id for client in world.iam.world.store.clients()}
        world.apply(before)
        secret = world.held().secret
        die_at(world, call)
        try:
            world.apply(after)
        except Killed:
            pass
        else:
            break
        live(world, machine)
        assert is_served(world), f"died at call {call}"
        assert world.apply(after).is_complete, f"died at call {call}"
        assert world.plan(after).is_empty, f"died at call {call}"
        assert world.logs_in(), f"died at call {call}"
        assert registered == {client.client_id for client in world.iam.world.store.clients()} - strangers
        state = world.backend.load()
        assert buried == [grave.client.client_id for grave in state.tombstones]
        old = [each.client for each in state.clients["team/app"].predecessors] + [g.client for g in state.tombstones]
        assert [secret] == [each.secret for each in old], f"died at call {call}"
    assert 8 < call


def is_served(world: World) -> bool:
    """Whether the credentials that state holds for the address, which may have been rendered, log in."""
    return "team/app" in world.backend.load().clients and world.logs_in()


@MACHINES
@pytest.mark.parametrize("flavour", list(Flavour))
def test_a_move_that_dies_anywhere_keeps_the_secret(flavour: Flavour, machine: str) -> None:
    new = desired("team/new", client_id="app")
    for call in count():
        world = World(flavour)
        world.apply(desired())
        world.project = {"moved": (MovedEntry("team/app", "team/new", HERE),)}
        die_at(world, call)
        try:
            world.apply(new)
        except Killed:
            pass
        else:
            break
        live(world, machine)
        assert world.apply(new).is_complete
        assert world.logs_in("team/new")
    assert 2 < call
