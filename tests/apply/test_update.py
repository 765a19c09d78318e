from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from iac.apply.outcome import Done, Failed, StopRequest
from iac.apply.step import Steps
from iac.core.errors import IacError, StalePlan, UnknownOutcome
from iac.core.plan.change import Action, Change, SecretChange
from iac.core.state.model import SecretStatus
from iac.sandbox.flavour import Flavour
from iac.session.ledger import Ledger
from tests.core.build import KEY, desired, ignoring
from tests.fakes.provider import after, answering, lost_after, lost_before, refused, unreachable
from tests.fakes.world import OWNERS, World

APP = desired()
NONE = desired(token_endpoint_auth_method="none")
AGAIN = desired(secret_serial=2)
EACH = pytest.mark.parametrize("flavour", list(Flavour))
SHOWN = pytest.mark.parametrize("flavour", [Flavour.V1_12, Flavour.V1_13])


def applied(flavour: Flavour | str, client: Any = APP) -> World:
    world = World(flavour)
    assert world.apply(client).is_complete
    world.provider.calls.clear()
    return world


def failure(world: World, *clients: Any) -> IacError:
    (outcome,) = world.apply(*clients).outcomes
    assert isinstance(outcome, Failed)
    return outcome.error


# fields


@EACH
def test_a_renamed_client_keeps_a_secret_that_somebody_rotated_by_hand(flavour: Flavour) -> None:
    """Never what state holds: the PUT is the fresh answer with the managed fields laid over it."""
    world = applied(flavour)
    world.edit(client_secret="rotated-by-hand")
    assert world.apply(desired(client_name="New name")).is_complete
    assert "rotated-by-hand" == world.on_server().client_secret
    assert "New name" == world.on_server().client_name


@EACH
def test_an_update_leaves_what_the_definition_does_not_name(flavour: Flavour) -> None:
    world = applied(flavour)
    world.edit(contacts=("theirs@example.org",), client_uri="https://theirs.example.org/", id_token_validity_seconds=77)
    before = world.on_server()
    assert world.apply(desired(client_name="New name")).is_complete
    assert dataclasses.replace(before, client_name="New name") == world.on_server()


@EACH
def test_an_update_is_one_read_and_one_put(flavour: Flavour) -> None:
    world = applied(flavour)
    world.apply(desired(client_name="New name"))
    assert [("read", ""), ("get", "app"), ("update", "app")] == world.provider.calls


@EACH
def test_an_update_whose_answer_is_lost_is_read_back(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("update", lost_after)
    assert world.apply(desired(client_name="New name")).is_complete
    assert "New name" == world.held().applied["client_name"]
    assert 1 == world.provider.count("update")


@EACH
def test_an_update_without_effect_or_gone_after_it_fails(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("update", lost_before, after(world.remove, lost_before))
    for _ in range(2):
        assert isinstance(failure(world, desired(client_name="New name")), UnknownOutcome)
    assert "An app" == world.held().applied["client_name"]


def test_a_lost_update_of_a_hidden_key_is_not_taken_for_done() -> None:
    """1.14 does not show it: reading proves nothing, so the next run sends it again."""
    world = applied("1.14", desired(jwk=KEY))
    changed = desired(jwk=KEY.replace("one", "two"))
    world.provider.script("update", lost_before)
    assert isinstance(failure(world, changed), UnknownOutcome)
    assert not world.plan(changed).is_empty
    assert world.apply(changed).is_complete
    assert "two" in (world.on_server().jwk or "")
    assert world.plan(changed).is_empty


@SHOWN
def test_a_lost_update_of_a_key_that_is_shown_is_read_back(flavour: Flavour) -> None:
    world = applied(flavour, desired(jwk=KEY))
    world.provider.script("update", lost_after)
    assert world.apply(desired(jwk=KEY.replace("one", "two"))).is_complete


@EACH
def test_a_refused_update_changes_nothing(flavour: Flavour) -> None:
    world = applied(flavour)
    before = world.held()
    world.provider.script("update", refused)
    assert "the server refuses it" == failure(world, desired(client_name="New name")).summary
    assert before == world.held()


@EACH
def test_an_answer_that_lacks_what_was_sent_fails_and_state_says_what_is_there(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("update", answering(scope=None))
    error = failure(world, desired(scope=("openid",), client_name="New name"))
    assert "fields: scope" in error.why
    assert ("New name", None) == (world.held().applied["client_name"], world.held().applied.get("scope"))


def stale(world: World, client: Any, act: Any) -> IacError:
    """What is raised when somebody acts between plan and write."""
    world.provider.script("read", lambda send: send())
    world.provider.script("get", after(act))
    error = failure(world, client)
    assert 0 == world.provider.count("update")
    return error


@EACH
@pytest.mark.parametrize(
    ("members", "named"),
    [({"client_name": "Theirs"}, "client_name"), ({"scope": ("a",)}, "scope")],
)
def test_an_object_that_changed_since_the_plan_is_not_overwritten(
    flavour: Flavour, members: dict[str, Any], named: str
) -> None:
    world = applied(flavour)
    error = stale(world, desired(client_uri="https://new.example.org/"), lambda: world.edit(**members))
    assert isinstance(error, StalePlan)
    assert f"fields: {named}" == error.why


@EACH
def test_owners_that_changed_since_the_plan_are_not_overwritten(flavour: Flavour) -> None:
    world = applied(flavour, desired(owners=OWNERS[:1]))
    store = world.iam.world.store
    error = stale(
        world,
        desired(owners=OWNERS[:1], client_name="New name"),
        lambda: store.link(world.on_server(), store.accounts[OWNERS[1]]),
    )
    assert "fields: owners" == error.why


@EACH
def test_an_object_that_was_deleted_since_the_plan_is_said_to_be(flavour: Flavour) -> None:
    world = applied(flavour)
    error = stale(world, desired(client_name="New name"), world.remove)
    assert (StalePlan, "the client was deleted since the plan") == (type(error), error.summary)


@EACH
def test_a_field_that_is_ignored_may_change_at_any_time_and_is_left_alone(flavour: Flavour) -> None:
    world = applied(flavour)
    client = desired(client_name="New name", scope=("openid",), lifecycle=ignoring("scope"))
    world.provider.script("get", after(lambda: world.edit(scope=("theirs",))))
    assert world.apply(client).is_complete
    assert ("theirs",) == world.on_server().scope
    assert world.plan(client).is_empty


# owners


@EACH
def test_owners_are_added_and_removed_without_a_put(flavour: Flavour) -> None:
    world = applied(flavour, desired(owners=OWNERS[:1]))
    assert world.apply(desired(owners=OWNERS[1:])).is_complete
    assert (2, 0) == (world.provider.count("assign"), world.provider.count("update"))
    assert OWNERS[1:] == world.held().owners
    assert world.plan(desired(owners=OWNERS[1:])).is_empty


@EACH
def test_owners_that_are_ignored_are_left_alone_by_an_update(flavour: Flavour) -> None:
    world = applied(flavour, desired(owners=OWNERS))
    changed = desired(owners=OWNERS[:1], client_name="New name", lifecycle=ignoring("owners"))
    assert world.apply(changed).is_complete
    assert 0 == world.provider.count("assign")


# rotation


@EACH
def test_a_higher_serial_ends_with_a_new_secret_that_logs_in(flavour: Flavour) -> None:
    world = applied(flavour)
    before = world.secret()
    assert world.apply(AGAIN).is_complete
    assert before != world.secret()
    assert world.logs_in()
    assert not world.provider.logs_in("app", before)
    assert (2, SecretStatus.KNOWN) == (world.held().secret_serial, world.held().secret_status)
    assert world.plan(AGAIN).is_empty


@EACH
def test_a_lower_serial_is_not_remembered(flavour: Flavour) -> None:
    world = applied(flavour, AGAIN)
    assert world.apply(desired(client_name="New name", secret_serial=1)).is_complete
    assert world.plan(desired(client_name="New name", secret_serial=2)).is_empty


@SHOWN
def test_a_rotation_whose_answer_is_lost_is_read_back_where_secrets_are_shown(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("rotate", lost_after)
    assert world.apply(AGAIN).is_complete
    assert world.logs_in()
    assert 1 == world.provider.count("rotate")


def test_a_rotation_whose_answer_is_lost_is_done_again_by_the_next_run_where_secrets_are_hidden() -> None:
    world = applied("1.14")
    world.provider.script("rotate", lost_after)
    assert isinstance(failure(world, AGAIN), UnknownOutcome)
    assert not world.logs_in()
    (change,) = world.plan(APP).changes
    assert (Action.ROTATE, SecretChange.ROTATED) == (change.action, change.secret)
    assert world.apply(APP).is_complete
    assert world.logs_in()


@EACH
def test_a_rotation_without_effect_is_done_by_the_next_run(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("rotate", lost_before)
    assert isinstance(failure(world, AGAIN), UnknownOutcome)
    assert world.apply(AGAIN).is_complete
    assert world.logs_in()


def test_a_lost_rotation_that_is_lost_again_is_never_taken_for_kept() -> None:
    """The old secret is dead since the first one: state must say so also while the second is on its way."""
    world = applied("1.14")
    world.provider.script("rotate", lost_after, refused)
    failure(world, AGAIN)
    assert "the server refuses it" == failure(world, AGAIN).summary
    assert SecretStatus.UNKNOWN == world.held().secret_status
    assert not world.plan(APP).is_empty
    assert world.apply(APP).is_complete
    assert world.logs_in()


@EACH
def test_a_refused_rotation_leaves_the_secret_that_is_there(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("rotate", refused)
    assert "the server refuses it" == failure(world, AGAIN).summary
    assert world.logs_in()
    assert world.plan(APP).is_empty


@EACH
def test_the_intents_of_all_rotations_are_durable_before_the_first_request(flavour: Flavour) -> None:
    world = World(flavour)
    clients = [desired(f"team/app-{number}") for number in range(3)]
    assert world.apply(*clients).is_complete
    seen: list[set[str]] = []
    world.provider.on_call = lambda call: seen.append(set(world.backend.load().intents)) if "rotate" in call else None
    assert world.apply(*(replace(client, secret_serial=2) for client in clients)).is_complete
    assert {client.address for client in clients} == seen[0]
    assert {} == world.backend.load().intents


@EACH
def test_a_rotation_that_was_never_sent_is_not_taken_for_lost(flavour: Flavour) -> None:
    """Its update was refused, so the secret in state is alive: no run asks for another one that nobody wanted."""
    world = applied(flavour)
    world.provider.script("update", refused)
    failure(world, desired(client_name="New name", secret_serial=2))
    assert (0, {}) == (world.provider.count("rotate"), world.backend.load().intents)
    assert world.plan(APP).is_empty


@EACH
def test_a_rotation_that_was_not_tried_is_not_taken_for_lost(flavour: Flavour) -> None:
    world = applied(flavour)
    stop = StopRequest()
    stop.ask("interrupted")
    world.apply(AGAIN, stop=stop)
    assert {} == world.backend.load().intents
    assert world.plan(APP).is_empty


def test_a_take_over_whose_new_secret_is_lost_with_its_machine_asks_for_another() -> None:
    world = World("1.14")
    world.register(token_endpoint_auth_method="none", client_secret=None)
    taken = desired(adopt=True)
    world.provider.script("rotate", lost_after)
    failure(world, taken)
    world.backend.lose_machine()
    assert world.apply(taken).is_complete
    assert world.logs_in()


@EACH
def test_a_rotation_answered_without_a_secret_fails_and_is_done_again(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("rotate", answering(client_secret=None))
    assert "the answer to a rotation has no secret" == failure(world, AGAIN).summary
    assert world.apply(AGAIN).is_complete
    assert world.logs_in()


@EACH
def test_a_client_that_is_gone_after_a_lost_rotation_fails(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("rotate", after(world.remove, lost_before))
    assert isinstance(failure(world, AGAIN), UnknownOutcome)


@EACH
def test_a_rotation_and_a_field_are_one_change(flavour: Flavour) -> None:
    world = applied(flavour)
    client = desired(secret_serial=2, client_name="New name")
    assert world.apply(client).is_complete
    assert (1, 1) == (world.provider.count("update"), world.provider.count("rotate"))
    assert world.logs_in()


@EACH
def test_an_answer_that_differs_does_not_hold_a_rotation_up(flavour: Flavour) -> None:
    world = applied(flavour)
    world.provider.script("update", answering(scope=None))
    assert "fields: scope" in failure(world, desired(secret_serial=2, scope=("openid",))).why
    assert world.logs_in()
    assert 1 == world.provider.count("rotate")


@SHOWN
def test_a_secret_that_was_erased_on_the_server_is_made_anew(flavour: Flavour) -> None:
    world = applied(flavour)
    world.edit(client_secret=None)
    assert world.apply(APP).is_complete
    assert world.logs_in()


@SHOWN
def test_a_secret_that_was_changed_by_hand_is_taken(flavour: Flavour) -> None:
    world = applied(flavour)
    world.edit(client_secret="rotated-by-hand")
    assert world.apply(APP).is_complete
    assert ("rotated-by-hand", 2) == (world.secret(), world.sealed().version)
    assert 0 == world.provider.count("update")


@SHOWN
def test_a_secret_to_take_that_is_gone_meanwhile_leaves_what_state_holds(flavour: Flavour) -> None:
    world = applied(flavour)
    before = world.secret()
    world.edit(client_secret="rotated-by-hand")
    world.provider.script("get", after(lambda: world.edit(client_secret=None)))
    assert world.apply(APP).is_complete
    assert before == world.secret()
    assert world.apply(APP).is_complete
    assert world.logs_in()


# auth methods


@EACH
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_method_that_needs_a_secret_again_ends_with_one_that_logs_in(flavour: Flavour, method: str) -> None:
    world = applied(flavour, NONE)
    client = desired(token_endpoint_auth_method=method)
    assert world.apply(client).is_complete
    assert world.logs_in()
    assert world.plan(client).is_empty


@EACH
def test_a_method_without_secret_drops_it_from_server_and_state(flavour: Flavour) -> None:
    world = applied(flavour)
    before = world.secret()
    assert world.apply(NONE).is_complete
    assert (None, SecretStatus.NONE) == (world.held().secret, world.held().secret_status)
    assert not world.provider.logs_in("app", before)
    assert world.plan(NONE).is_empty


@EACH
@pytest.mark.parametrize("fault", [lost_before, refused, lost_after])
def test_a_method_change_that_is_cut_ends_with_a_secret_that_logs_in(flavour: Flavour, fault: Any) -> None:
    for operation in ("update", "rotate"):
        world = applied(flavour, NONE)
        world.provider.script(operation, fault)
        world.apply(APP)
        assert world.apply(APP).is_complete
        assert world.logs_in()
        assert world.plan(APP).is_empty


@SHOWN
def test_a_secret_that_was_chosen_and_never_arrived_is_not_taken_for_the_clients(flavour: Flavour) -> None:
    world = applied(flavour, NONE)
    world.provider.script("update", lost_before)
    failure(world, APP)
    assert world.apply(desired(token_endpoint_auth_method="none", client_name="New name")).is_complete
    assert (None, SecretStatus.NONE) == (world.held().secret, world.held().secret_status)


def test_a_method_that_was_changed_by_hand_and_back_does_not_keep_a_dead_secret() -> None:
    """On 1.14 the way through none makes a secret that no answer shows; the rotation after it is refused once."""
    world = applied("1.14")
    world.edit(token_endpoint_auth_method="none", client_secret=None)
    world.provider.script("rotate", refused)
    failure(world, APP)
    assert not world.logs_in()
    assert world.apply(APP).is_complete
    assert world.logs_in()
    assert 2 == world.sealed().version


@EACH
def test_a_change_between_methods_with_a_secret_keeps_it(flavour: Flavour) -> None:
    world = applied(flavour)
    before = world.secret()
    assert world.apply(desired(token_endpoint_auth_method="client_secret_post")).is_complete
    assert before == world.secret()
    assert world.logs_in()


# taking over


@SHOWN
def test_taking_over_a_client_takes_its_secret_along_and_sends_nothing(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(adopt=True, grant_types=("client_credentials",), redirect_uris=None, client_name="Theirs")
    world.register()
    assert world.apply(client).is_complete
    assert ("theirs-1234", SecretStatus.KNOWN) == (world.secret(), world.held().secret_status)
    assert {"read", "get"} == {operation for operation, _ in world.provider.calls}
    assert world.plan(client).is_empty


def test_taking_over_a_client_whose_secret_is_hidden_leaves_it_as_it_is() -> None:
    world = World("1.14")
    client = desired(adopt=True)
    world.register()
    assert world.apply(client).is_complete
    assert (None, SecretStatus.UNKNOWN) == (world.held().secret, world.held().secret_status)
    assert "theirs-1234" == world.on_server().client_secret
    assert world.plan(client).is_empty
    again = desired(adopt=True, secret_serial=2)
    assert world.apply(again).is_complete
    assert world.logs_in()


@EACH
def test_taking_over_a_client_with_another_method_makes_its_secret(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(adopt=True)
    world.register(client_secret=None, token_endpoint_auth_method="none")
    world.provider.script("rotate", refused)
    world.apply(client)
    assert world.apply(client).is_complete
    assert world.logs_in()


# what is left of an update


@EACH
def test_prevent_destroy_is_remembered_without_a_write_to_the_server(flavour: Flavour) -> None:
    world = applied(flavour)
    client = replace(APP, lifecycle=replace(APP.lifecycle, prevent_destroy=True))
    assert world.apply(client).is_complete
    assert world.held().prevent_destroy
    assert 0 == world.provider.count("update")


def test_an_unreachable_server_stops_the_run() -> None:
    world = applied("1.14")
    world.provider.script("get", unreachable)
    assert "the server cannot be reached" == failure(world, desired(client_name="New name")).summary


def test_a_change_without_a_definition_is_no_update() -> None:
    world = applied("1.14")
    ledger = Ledger(world.backend, world.vault, world.clock, world.backend.load())
    facts = world.provider.read([]).facts
    change = Change("team/app", "app", "", Action.UPDATE, "", None)
    with pytest.raises(StalePlan):
        Steps(world.provider, ledger, facts, {}, "iam-admin").do(change)


def test_a_done_change_is_told() -> None:
    world = World("1.14")
    (outcome,) = world.apply(APP).outcomes
    assert isinstance(outcome, Done)


def test_the_intent_to_rotate_is_durable_when_the_write_of_fields_was_read_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is stored of the fields ends the intent; the request for a secret must not go out without one."""
    monkeypatch.setattr("iac.core.server.reads_back", lambda _: True)
    world = applied(Flavour.V1_12)
    noted: list[str] = []

    def look(call: str) -> None:
        if call == "before rotate":
            noted.extend(intent.action for intent in world.backend.load().intents.values())

    world.provider.on_call = look
    assert world.apply(desired(client_name="New name", secret_serial=2)).is_complete
    assert ["rotate"] == noted
