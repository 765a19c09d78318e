"""To whom a secret is sealed, on every way on which it comes into state or moves in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.apply.outcome import StopRequest
from iac.apply.run import apply_plan
from iac.core.desired import Disposition, MovedEntry, RemovedEntry
from iac.core.errors import Location, StateError
from iac.core.secret import Secret
from iac.session import StateSession
from iac.workflow.restore import prepare_restore
from iac.workflow.secrets import store_secrets
from iac.workflow.state import rekey, rename
from tests.core.build import desired
from tests.fakes.provider import lost_after, unreachable
from tests.fakes.world import World

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient

HOST, OTHER = "age1host", "age1other"
HERE = Location("iac.yaml", 3)
EACH = pytest.mark.parametrize("flavour", ["1.12", "1.14"])


def app(*recipients: str, **more: Any) -> DesiredClient:
    return desired(recipients=recipients, **more)


def sealed_to(world: World, address: str = "team/app") -> tuple[str, ...]:
    """To whom a secret in state is sealed, as state says it and as the vault knows it."""
    secret = world.sealed(address)
    assert world.vault.also[secret.sealed] == secret.recipients
    return secret.recipients


@EACH
def test_a_created_clients_secret_is_sealed_to_its_own_recipients_and_no_others(flavour: str) -> None:
    world = World(flavour)
    assert world.apply(app(HOST, OTHER), desired("team/other")).is_complete
    assert (HOST, OTHER) == sealed_to(world)
    assert () == sealed_to(world, "team/other")
    assert world.logs_in()
    assert () == world.plan(app(HOST, OTHER), desired("team/other")).findings


@EACH
def test_changed_recipients_alone_change_nothing_and_a_rotation_seals_to_those_of_now(flavour: str) -> None:
    world = World(flavour)
    world.apply(app(HOST))
    before = world.backend.load()
    assert world.plan(app(OTHER)).is_empty
    assert world.apply(app(OTHER)).is_complete
    assert before.clients == world.backend.load().clients
    assert ["sealed-to-others", "recipient-added"] == [finding.id for finding in world.plan(app(OTHER)).findings]
    assert world.apply(app(OTHER, secret_serial=2)).is_complete
    assert (OTHER,) == sealed_to(world)
    assert () == world.plan(app(OTHER, secret_serial=2)).findings


def test_a_secret_that_is_adopted_or_taken_from_the_server_is_sealed_to_the_recipients_of_now() -> None:
    world = World("1.12")
    world.register()
    assert world.apply(app(HOST, adopt=True)).is_complete
    assert (HOST,) == sealed_to(world)
    world.edit(client_secret="changed-by-hand")
    assert world.apply(app(OTHER)).is_complete
    assert (OTHER,) == sealed_to(world)


def test_a_secret_that_is_handed_in_is_sealed_to_the_recipients_of_now() -> None:
    world = World("1.14")
    world.register()
    assert world.apply(app(adopt=True)).is_complete
    assert {"team/app": True} == store_secrets(world.session(app(HOST)), {"team/app": Secret("theirs-1234")})
    assert (HOST,) == sealed_to(world)


@EACH
def test_an_interrupted_create_keeps_the_secret_as_it_was_sealed_and_plan_says_so(flavour: str) -> None:
    world = World(flavour)
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    assert not world.apply(app(HOST)).is_complete
    plan = world.plan(app(OTHER))
    assert ["sealed-to-others"] == [finding.id for finding in plan.findings]
    assert ["recipient-added"] == [finding.id for change in plan.changes for finding in change.findings]
    assert world.apply(app(OTHER)).is_complete
    assert (HOST,) == sealed_to(world)
    assert ["sealed-to-others", "recipient-added"] == [finding.id for finding in world.plan(app(OTHER)).findings]


def test_a_move_in_iac_yaml_seals_to_the_recipients_of_the_new_definition() -> None:
    world = World("1.14")
    world.apply(app(HOST))
    world.project["moved"] = (MovedEntry("team/app", "team/new", HERE),)
    assert world.apply(desired("team/new", client_id="app", recipients=(OTHER,))).is_complete
    assert (OTHER,) == sealed_to(world, "team/new")
    assert world.logs_in("team/new")


def test_a_move_of_state_alone_leaves_the_recipients_as_they_are() -> None:
    world = World("1.14")
    world.apply(app(HOST))
    rename(StateSession(backend=world.backend, vault=world.vault, clock=world.clock), "team/app", "team/new")
    assert (HOST,) == sealed_to(world, "team/new")


@pytest.mark.parametrize("is_defined", [True, False])
def test_a_restored_secret_is_sealed_to_those_whom_its_plan_shows(*, is_defined: bool) -> None:
    world = World("1.14")
    world.apply(app(HOST))
    secret = world.secret()
    world.project["removed"] = (RemovedEntry("team/app", Disposition.DELETE, HERE),)
    assert world.apply().is_complete
    assert HOST in world.backend.load().tombstones[0].client.secret.recipients  # type: ignore[union-attr]
    del world.project["removed"]
    alone, prepared = prepare_restore(world.session(*([app(OTHER)] if is_defined else [])), "team/app")
    assert apply_plan(alone, prepared, StopRequest()).is_complete
    assert (secret, (OTHER if is_defined else HOST,)) == (world.secret(), sealed_to(world))
    same, another = (app(OTHER), app(HOST)) if is_defined else (app(HOST), app(OTHER))
    assert () == world.plan(same).findings
    assert ["sealed-to-others", "recipient-added"] == [finding.id for finding in world.plan(another).findings]


def test_rekey_seals_to_the_recipients_of_now_and_leaves_none_to_a_client_without_definition() -> None:
    world = World("1.14")
    world.apply(app(HOST), desired("team/other", recipients=(HOST,)), desired("team/gone", recipients=(HOST,)))
    world.project["removed"] = (RemovedEntry("team/gone", Disposition.DELETE, HERE),)
    world.apply(app(HOST), desired("team/other", recipients=(HOST,)))
    done = rekey(world.session(app(OTHER), desired("team/other")))
    assert (3, 0, 0, {"team/app": (OTHER,)}) == (done.secrets, done.were_clear, done.are_clear, done.recipients)
    assert ((OTHER,), ()) == (sealed_to(world), sealed_to(world, "team/other"))
    grave = world.backend.load().tombstones[0].client.secret
    assert grave is not None
    assert () == grave.recipients == world.vault.also[grave.sealed]
    assert world.logs_in()


@EACH
@pytest.mark.parametrize("serial", [1, 2])
def test_a_recipient_that_is_none_stops_before_the_first_write(
    flavour: str, serial: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(flavour)
    if serial == 2:
        world.apply(app())
    seal = world.vault._seal

    def picky(secret: Secret, place: Any, also: Any) -> str:
        if "ssh-ed25519 AAAA" in also:
            raise StateError("a recipient is not an age or ssh public key", where="ssh-ed25519 AAAA")
        return seal(secret, place, also)

    monkeypatch.setattr(world.vault, "_seal", picky)
    before, calls = world.backend.load(), len(world.provider.calls)
    with pytest.raises(StateError, match="not an age or ssh public key"):
        world.apply(replace(app("ssh-ed25519 AAAA"), secret_serial=serial))
    assert before == world.backend.load()
    assert {"read", "get"} >= {name for name, _ in world.provider.calls[calls:]}
