"""Another client in the place of one, carried out: by another client_id, or by a rotation that replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.apply.outcome import Failed, NotDelivered, StopRequest
from iac.apply.run import apply_plan
from iac.core.desired import ChangeLimits, Disposition, Lifecycle, OutputSpec, RemovedEntry, Rotation
from iac.core.errors import Location, RenderError, StalePlan, UnsafePlan
from iac.core.plan.change import Action
from iac.core.secret import Secret
from iac.ports import Place, Sink
from iac.ports.sink import Comparison, Delivery
from iac.rendering.renderer import Renderer
from iac.rendering.template import load_templates
from iac.sandbox.flavour import Flavour
from iac.workflow.plan import check_expected, check_guards, prepare
from iac.workflow.secrets import store_secrets
from tests.core.build import desired
from tests.fakes.provider import after, logs_in, lost_after, lost_before, refused, unreachable
from tests.fakes.world import OWNERS, World

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from iac.apply.outcome import Report
    from iac.core.desired import DesiredClient
    from iac.core.plan.plan import Plan
    from iac.session import Session

DAY = 86400
HERE = Location("iac.yaml", 12)
APP = desired(client_name="An app", scope=("openid", "profile"))
OTHER = replace(APP, client_id="other")
STAYING = replace(APP, lifecycle=Lifecycle(rotation=Rotation.REPLACE, grace=7 * DAY))
EACH = pytest.mark.parametrize("flavour", list(Flavour))


class Box(Sink):
    """Outputs in memory, which can be refused; it says which clients were registered when one was written."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files: dict[str, bytes] = {}
        self.registered: list[set[str]] = []
        self.is_full = False

    def _check(self, path: str, content: bytes) -> None:
        pass

    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool:
        del mode
        if self.is_full:
            raise RenderError("the disk is full", where=path)
        self.registered.append(ids(self.world))
        is_changed, self.files[path] = is_new or self.files.get(path) != content, content
        return is_changed

    def _compare(self, path: str, content: bytes, mode: int | None) -> Comparison:
        del mode
        return Comparison.AS_WANTED if self.files.get(path) == content else Comparison.OTHER

    def _place(self, path: str) -> str:
        return path

    def _read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def _remove(self, path: str) -> None:
        del self.files[path]

    def _look(self, path: str, delivery: Delivery | None, mode: int | None) -> Comparison:
        del path, delivery, mode
        return Comparison.AS_WANTED

    def _exposed(self, paths: Collection[str]) -> dict[str, Any]:
        del paths
        return {}


class Rendering(World):
    """A world with an output."""

    def __init__(self, flavour: Flavour | str, folder: Path) -> None:
        super().__init__(flavour)
        self.box = Box(self)
        self.templates = load_templates(folder, ["dotenv"], Renderer().references)
        self.project = {"outputs": (OutputSpec("dotenv", "out/app.env", ("team/app",), HERE),)}

    def session(self, *clients: DesiredClient) -> Session:
        return replace(super().session(*clients), sinks={"file": self.box}, templates=self.templates)

    def run(
        self, *clients: DesiredClient, expected: str = "", stop: StopRequest | None = None, **options: Any
    ) -> Report:
        session = self.session(*clients)
        prepared = prepare(session, replace(session.options(), **options))
        if expected:
            check_expected(prepared.plan, prepared.state.approval, expected)
        check_guards(prepared.plan)
        return apply_plan(session, prepared, stop or StopRequest())

    def see(self, *clients: DesiredClient, **options: Any) -> Plan:
        session = self.session(*clients)
        return prepare(session, replace(session.options(), **options)).plan

    def rendered(self) -> dict[str, str]:
        lines = self.box.files["out/app.env"].decode().splitlines()
        return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    def works(self) -> bool:
        told = self.rendered()
        return logs_in(self.iam, told["CLIENT_ID"], told["CLIENT_SECRET"])


def ids(world: World) -> set[str]:
    return {client.client_id or "" for client in world.iam.world.store.clients()} & {
        "app", "other", "third", "app.r2", "app.r3", "app.r4",
    }  # fmt: skip


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Rendering:
    made = Rendering(getattr(request, "param", "1.14"), tmp_path)
    assert made.run(APP).is_complete
    return made


ALL = pytest.mark.parametrize("world", list(Flavour), indirect=True)


@ALL
def test_another_client_id_registers_the_new_client_renders_it_and_deletes_the_old_one_last(world: Rendering) -> None:
    world.box.registered.clear()
    report = world.run(OTHER)
    assert report.is_complete
    assert [{"app", "other"}] == world.box.registered
    assert {"other"} == ids(world)
    assert "other" == world.rendered()["CLIENT_ID"]
    assert world.works()
    assert world.see(OTHER).is_empty
    (grave,) = world.backend.load().tombstones
    assert ("team/app", "app") == (grave.address, grave.client.client_id)


@ALL
def test_a_successor_gets_what_its_definition_does_not_manage(world: Rendering) -> None:
    world.edit(client_description="by hand", refresh_token_validity_seconds=None, allow_introspection=False)
    world.provider.assign_owners("app", [OWNERS[0]], [])
    assert world.run(OTHER).is_complete
    there = world.on_server("other")
    assert ("by hand", 0, False) == (
        there.client_description, there.refresh_token_validity_seconds, there.allow_introspection,
    )  # fmt: skip
    assert [OWNERS[0]] == [account.uuid for account in world.iam.world.store.owners(there)]
    assert world.see(OTHER).is_empty
    assert "client_description" not in world.held().applied
    assert world.held().owners is None


@ALL
def test_an_output_that_cannot_be_written_keeps_the_old_client_and_the_next_run_goes_on(world: Rendering) -> None:
    world.box.is_full = True
    approved = world.see(OTHER)
    report = world.run(OTHER, expected=approved.digest)
    assert not report.is_complete
    assert isinstance(report.outputs[0], NotDelivered)
    assert {"app", "other"} == ids(world)
    world.box.is_full = False
    (rest,) = world.see(OTHER).changes
    assert (Action.REPLACE, "app waits for outputs to be written") == (rest.action, rest.reason)
    before = world.secret()
    assert world.run(OTHER, expected=approved.digest).is_complete
    assert before == world.secret()
    assert {"other"} == ids(world)
    assert world.works()
    assert world.see(OTHER).is_empty


@ALL
@pytest.mark.parametrize("fault", [lost_before, refused, unreachable])
def test_an_old_client_that_cannot_be_deleted_is_deleted_by_the_next_run(world: Rendering, fault: Any) -> None:
    approved = world.see(OTHER).digest
    world.provider.script("delete", fault)
    report = world.run(OTHER, expected=approved)
    assert isinstance(report.outcomes[0], Failed)
    assert {"app", "other"} == ids(world)
    assert world.run(OTHER, expected=approved).is_complete
    assert {"other"} == ids(world)
    assert world.see(OTHER).is_empty


@ALL
def test_a_deletion_whose_answer_is_lost_is_read_back(world: Rendering) -> None:
    world.provider.script("delete", lost_after)
    assert world.run(OTHER).is_complete
    assert {"other"} == ids(world)


@ALL
def test_an_old_client_that_somebody_changes_meanwhile_is_not_deleted(world: Rendering) -> None:
    world.provider.script("delete", refused)
    world.run(OTHER)
    world.provider.script("get")
    world.provider.script("get", lambda send: send())
    world.provider.script("get", after(lambda: world.edit(client_uri="https://in.use.example.org/")))
    (outcome,) = world.run(OTHER).outcomes
    assert isinstance(outcome, Failed)
    assert (StalePlan, "fields: client_uri") == (type(outcome.error), outcome.error.why)
    assert {"app", "other"} == ids(world)


@ALL
def test_a_registration_whose_answer_is_lost_makes_no_second_client(world: Rendering) -> None:
    approved = world.see(OTHER).digest
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    assert not world.run(OTHER, expected=approved).is_complete
    (change,) = world.see(OTHER).changes
    assert (True, "app") == (change.resumes, change.succeeds)
    assert world.run(OTHER, expected=approved).is_complete
    assert {"other"} == ids(world)
    assert world.works()
    assert world.see(OTHER).is_empty


@ALL
def test_a_definition_that_is_turned_back_has_its_first_client_again(world: Rendering) -> None:
    before = world.secret()
    world.box.is_full = True
    world.run(OTHER)
    world.box.is_full = False
    (change,) = world.see(APP).changes
    assert (Action.REPLACE, "app", "other waits for outputs to be written") == (
        change.action, change.client_id, change.reason,
    )  # fmt: skip
    assert world.run(APP).is_complete
    assert {"app"} == ids(world)
    assert before == world.secret()
    assert world.works()
    assert world.see(APP).is_empty


def test_a_third_client_id_before_the_first_is_gone_takes_both_along(world: Rendering) -> None:
    world.box.is_full = True
    world.run(OTHER)
    world.box.is_full = False
    third = replace(APP, client_id="third")
    assert world.run(third).is_complete
    assert {"third"} == ids(world)
    assert world.see(third).is_empty


def stay(world: Rendering, days: int) -> None:
    world.clock.sleep(days * DAY)


def rotated(client: DesiredClient = STAYING, serial: int = 2) -> DesiredClient:
    return replace(client, secret_serial=serial)


@ALL
def test_a_rotation_that_replaces_leaves_the_old_client_for_its_grace_time(world: Rendering) -> None:
    old = world.rendered()
    assert world.see(STAYING).is_empty
    (change,) = world.see(rotated()).changes
    assert (Action.ROTATE, "app.r2", "app", False) == (
        change.action, change.client_id, change.succeeds, change.deletions,
    )  # fmt: skip
    assert world.run(rotated()).is_complete
    assert {"app", "app.r2"} == ids(world)
    assert "app.r2" == world.rendered()["CLIENT_ID"]
    assert world.works()
    assert logs_in(world.iam, old["CLIENT_ID"], old["CLIENT_SECRET"])
    assert world.held().secret_serial == 2
    stay(world, 6)
    found = world.see(rotated())
    assert found.is_empty
    (standing,) = found.predecessors
    assert ("app", "app.r2", False) == (standing.client_id, standing.successor, standing.is_due)
    stay(world, 1)
    (change,) = world.see(rotated()).changes
    assert (Action.REPLACE, "the grace time of app is over", True) == (change.action, change.reason, change.deletions)
    assert world.run(rotated()).is_complete
    assert {"app.r2"} == ids(world)
    assert world.works()
    assert world.see(rotated()).is_empty
    assert () == world.see(rotated()).predecessors


@ALL
def test_the_grace_time_begins_when_outputs_are_written(world: Rendering) -> None:
    world.box.is_full = True
    approved = world.see(rotated()).digest
    assert not world.run(rotated(), expected=approved).is_complete
    stay(world, 30)
    found = world.see(rotated())
    assert "app, the predecessor of app.r2, stays until the outputs of team/app are written" == (
        found.predecessors[0].words()
    )
    assert (Action.ROTATE, False) == (found.changes[0].action, found.changes[0].deletions)
    world.box.is_full = False
    assert world.run(rotated(), expected=approved).is_complete
    assert {"app", "app.r2"} == ids(world)
    assert world.see(rotated()).is_empty
    stay(world, 7)
    assert world.run(rotated()).is_complete
    assert {"app.r2"} == ids(world)


@ALL
def test_a_second_rotation_in_the_grace_time_makes_a_third_client(world: Rendering) -> None:
    world.run(rotated())
    stay(world, 5)
    assert world.run(rotated(serial=3)).is_complete
    assert {"app", "app.r2", "app.r3"} == ids(world)
    stay(world, 3)
    assert world.run(rotated(serial=3)).is_complete
    assert {"app.r2", "app.r3"} == ids(world)
    stay(world, 4)
    assert world.run(rotated(serial=3)).is_complete
    assert {"app.r3"} == ids(world)
    assert world.works()


def test_a_rotation_that_is_asked_for_replaces_and_without_grace_deletes_at_once(world: Rendering) -> None:
    assert world.run(STAYING, rotate=frozenset({"team/app"})).is_complete
    assert {"app", "app.r2"} == ids(world)
    assert world.run(STAYING, rotate=frozenset({"team/app"}), no_grace=True).is_complete
    assert {"app", "app.r3"} == ids(world)
    assert world.see(STAYING).is_empty


def test_the_definition_makes_the_grace_time_longer_or_ends_it(world: Rendering) -> None:
    world.run(rotated())
    longer = rotated(replace(APP, lifecycle=Lifecycle(rotation=Rotation.REPLACE, grace=30 * DAY)))
    stay(world, 20)
    assert world.see(longer).is_empty
    ended = rotated(replace(APP, lifecycle=Lifecycle(rotation=Rotation.REPLACE, grace=0)))
    assert world.run(ended).is_complete
    assert {"app.r2"} == ids(world)


def test_without_rotation_replace_predecessors_go_after_the_time_that_they_had(world: Rendering) -> None:
    world.run(rotated())
    plain = rotated(APP)
    assert world.see(plain).is_empty
    assert "app.r2" == world.rendered()["CLIENT_ID"]
    stay(world, 7)
    assert world.run(plain).is_complete
    assert {"app.r2"} == ids(world)


@ALL
def test_another_client_id_of_a_client_with_grace_lets_the_old_one_stay(world: Rendering) -> None:
    world.run(rotated())
    renamed = replace(rotated(), client_id="other")
    assert world.run(renamed).is_complete
    assert {"app", "app.r2", "other"} == ids(world)
    assert 1 == world.held().generation
    assert world.see(renamed).is_empty
    stay(world, 7)
    assert world.run(renamed).is_complete
    assert {"other"} == ids(world)


def test_a_predecessor_that_somebody_deleted_leaves_state_too(world: Rendering) -> None:
    world.run(rotated())
    world.remove("app")
    assert world.run(rotated()).is_complete
    assert () == world.held().predecessors
    assert 1 == len(world.backend.load().tombstones)
    assert world.see(rotated()).is_empty


@ALL
def test_a_client_that_leaves_takes_its_predecessors_along(world: Rendering) -> None:
    world.run(rotated())
    world.project = {"removed": (RemovedEntry("team/app", Disposition.DELETE, HERE),)}
    assert world.run().is_complete
    assert set() == ids(world)
    assert {"app", "app.r2"} == {grave.client.client_id for grave in world.backend.load().tombstones}
    assert world.see().is_empty


def test_clients_count_where_one_address_takes_several_along(world: Rendering) -> None:
    world.run(rotated())
    leaving = (RemovedEntry("team/app", Disposition.DELETE, HERE),)
    world.project = {"removed": leaving, "limits": ChangeLimits(max_deletes=1)}
    (guard,) = world.see().guards
    assert ("max-deletes", "2", ["team/app"]) == (guard.id, guard.details["value"], guard.details["addresses"])
    world.project = {"removed": leaving, "limits": ChangeLimits(max_deletes=2)}
    assert () == world.see().guards


def test_a_client_that_is_let_go_leaves_its_predecessors_on_the_server(world: Rendering) -> None:
    world.run(rotated())
    world.project = {"removed": (RemovedEntry("team/app", Disposition.FORGET, HERE),)}
    (change,) = world.see().changes
    assert "removed: then forget, with app, still registered beside it" == change.reason
    assert world.run().is_complete
    assert {"app", "app.r2"} == ids(world)
    assert {} == world.backend.load().clients


def test_a_client_that_is_gone_itself_leaves_with_its_predecessors(world: Rendering) -> None:
    world.run(rotated())
    world.remove("app.r2")
    world.project = {"removed": (RemovedEntry("team/app", Disposition.DELETE, HERE),)}
    assert world.run().is_complete
    assert set() == ids(world)


def test_prevent_destroy_refuses_another_client_id_and_lets_a_rotation_replace(world: Rendering) -> None:
    kept = Lifecycle(prevent_destroy=True, rotation=Rotation.REPLACE, grace=DAY)
    protected = replace(APP, lifecycle=kept)
    assert world.run(protected).is_complete
    with pytest.raises(UnsafePlan, match="client_id app -> other, which would delete app"):
        world.run(replace(protected, client_id="other"))
    assert world.run(rotated(protected)).is_complete
    stay(world, 1)
    assert world.run(rotated(protected)).is_complete
    assert {"app.r2"} == ids(world)


def test_a_disabled_client_does_not_come_back_as_another(world: Rendering) -> None:
    world.edit(active=False)
    assert ["disabled-client"] == [guard.id for guard in world.see(OTHER).guards]
    assert ["disabled-client"] == [guard.id for guard in world.see(rotated()).guards]


@ALL
def test_a_client_id_that_is_registered_already_is_refused_without_adopt(world: Rendering) -> None:
    world.register("other", redirect_uris=("https://theirs.example.org/",))
    assert ["client-id-taken"] == [guard.id for guard in world.see(OTHER).guards]
    approved = world.see(replace(OTHER, adopt=True))
    report = world.run(replace(OTHER, adopt=True), expected=approved.digest)
    assert ("https://app.example.org/cb",) == world.on_server("other").redirect_uris
    if world.iam.flavour == "1.14":
        (outcome,) = report.outcomes
        assert isinstance(outcome, Failed)
        assert "iac does not know a secret that out/app.env needs" == outcome.error.why
        assert {"app", "other"} == ids(world)
        store_secrets(world.session(OTHER), {"team/app": Secret("theirs-1234")})
        assert world.run(replace(OTHER, adopt=True)).is_complete
    else:
        assert report.is_complete
    assert {"other"} == ids(world)
    assert world.works()
    assert () == world.see(replace(OTHER, adopt=True)).predecessors


def test_a_successor_whose_id_somebody_has_taken_is_refused_even_with_adopt(world: Rendering) -> None:
    world.register("app.r2")
    assert ["client-id-taken"] == [guard.id for guard in world.see(rotated(replace(STAYING, adopt=True))).guards]


def test_a_client_without_a_secret_is_not_replaced_by_a_rotation(world: Rendering) -> None:
    public = replace(STAYING, fields={**STAYING.fields, "token_endpoint_auth_method": "none"})
    assert world.run(public).is_complete
    assert "app" == world.held().client_id
    assert world.see(rotated(public)).is_empty


@ALL
def test_a_change_beside_a_rotation_goes_to_the_successor(world: Rendering) -> None:
    changed = rotated(replace(STAYING, fields={**STAYING.fields, "client_name": "New name"}))
    (change,) = world.see(changed).changes
    assert ["client_id", "client_name"] == [field.name for field in change.fields]
    assert world.run(changed).is_complete
    assert ("An app", "New name") == (world.on_server().client_name, world.on_server("app.r2").client_name)


@ALL
def test_a_rotation_that_is_interrupted_is_ended_by_a_plain_apply(world: Rendering) -> None:
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    assert not world.run(STAYING, rotate=frozenset({"team/app"})).is_complete
    assert world.run(STAYING).is_complete
    assert {"app", "app.r2"} == ids(world)
    assert world.works()
    assert world.see(STAYING).is_empty


def test_an_interrupted_run_deletes_no_predecessor(world: Rendering) -> None:
    stop = StopRequest()
    world.provider.script("create", after(lambda: stop.ask("interrupted")))
    (outcome,) = world.run(OTHER, stop=stop).outcomes
    assert isinstance(outcome, Failed)
    assert "interrupted" == outcome.error.why
    assert {"app", "other"} == ids(world)
    assert world.run(OTHER).is_complete
    assert {"other"} == ids(world)


def test_secrets_of_predecessors_move_with_their_address(world: Rendering) -> None:
    world.run(rotated())
    secret = world.secret()
    ledger = world.session().ledger(world.backend.load())
    ledger.move([("team/app", "team/new")])
    moved = ledger.state.clients["team/new"]
    place = Place("lineage-1", "default", "team/new", "client_secret")
    assert moved.secret is not None
    assert secret == world.vault.open(moved.secret.sealed, place).reveal()
    old = moved.predecessors[0].client
    assert old.secret is not None
    assert logs_in(world.iam, "app", world.vault.open(old.secret.sealed, place).reveal())
