from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iac.apply.outcome import Failed
from iac.core.errors import UnknownOutcome
from iac.core.plan.change import Action
from iac.core.state.model import SecretStatus
from iac.sandbox.flavour import Flavour
from tests.core.build import desired
from tests.fakes.provider import after, answering, lost_after, lost_before, refused, unreachable
from tests.fakes.world import OWNERS, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.apply.outcome import Report

APP = desired()
FLAVOURS = list(Flavour)
EACH = pytest.mark.parametrize("flavour", FLAVOURS)


def failure(report: Report) -> Failed:
    (outcome,) = report.outcomes
    assert isinstance(outcome, Failed)
    return outcome


@EACH
def test_a_create_stores_the_secret_before_it_is_sent_and_it_logs_in(flavour: Flavour) -> None:
    world = World(flavour)
    seen: list[str] = []
    world.provider.on_call = lambda call: seen.append(f"{call} {sorted(world.backend.load().intents)}")
    assert world.apply(APP).is_complete
    assert "before create ['team/app']" in seen
    assert world.logs_in()
    held = world.held()
    assert (SecretStatus.KNOWN, 1, APP.declared) == (held.secret_status, held.secret_serial, held.declared)
    assert {} == world.backend.load().intents


@EACH
def test_a_secret_is_sealed_once_after_a_probe_of_the_recipients(flavour: Flavour) -> None:
    world = World(flavour)
    world.apply(APP, desired("team/other"))
    assert 1 + 2 == world.vault.sealed


@EACH
def test_a_create_without_secret_stores_none(flavour: Flavour) -> None:
    world = World(flavour)
    world.apply(desired(token_endpoint_auth_method="none"))
    assert (None, SecretStatus.NONE) == (world.held().secret, world.held().secret_status)


@EACH
def test_a_create_assigns_owners(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(owners=OWNERS)
    assert world.apply(client).is_complete
    assert OWNERS == world.held().owners
    assert world.plan(client).is_empty


@EACH
def test_values_that_a_create_forces_are_set_by_exactly_one_put(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(allow_introspection=False, clear_access_tokens_on_refresh=True)
    assert world.apply(client).is_complete
    assert (1, 1) == (world.provider.count("create"), world.provider.count("update"))
    assert (False, True) == (
        world.on_server().allow_introspection,
        world.on_server().clear_access_tokens_on_refresh,
    )
    assert world.logs_in()
    assert world.plan(client).is_empty


def test_a_create_that_forces_nothing_needs_no_put() -> None:
    world = World("1.14")
    world.apply(APP)
    assert 0 == world.provider.count("update")


@EACH
def test_an_answer_that_differs_fails_and_state_holds_the_client_and_its_secret(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(scope=("openid", "wlcg.groups"), owners=OWNERS)
    world.provider.script("create", answering(scope="openid"))
    failed = failure(world.apply(client))
    assert "fields: scope" in failed.error.why
    assert failed.error.fix
    assert ("openid",) == world.held().applied["scope"]
    assert world.logs_in()
    assert OWNERS == world.held().owners


@EACH
def test_an_answered_secret_wins_over_the_chosen_one(flavour: Flavour) -> None:
    world = World(flavour)
    world.provider.script("create", answering(client_secret="the-servers-own"))
    world.apply(APP)
    assert "the-servers-own" == world.secret()


@EACH
def test_a_lost_answer_of_our_own_create_is_read_back(flavour: Flavour) -> None:
    world = World(flavour)
    world.provider.script("create", lost_after)
    assert world.apply(APP).is_complete
    assert world.logs_in()
    assert 1 == world.provider.count("create")
    assert world.plan(APP).is_empty


@EACH
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_a_lost_answer_after_somebody_elses_create_is_refused_for_good(flavour: Flavour, method: str) -> None:
    world = World(flavour)
    client = desired(token_endpoint_auth_method=method)
    world.provider.script("create", after(world.register, lost_before))
    failed = failure(world.apply(client))
    assert "somebody else registered this client_id meanwhile" == failed.error.summary
    assert {} == world.backend.load().clients
    assert ["client-id-taken"] == [guard.id for guard in world.plan(client).guards]


@EACH
def test_a_lost_answer_of_a_create_without_secret_is_ours_when_it_is_as_sent(flavour: Flavour) -> None:
    world = World(flavour)
    world.provider.script("create", lost_after)
    client = desired(token_endpoint_auth_method="none", allow_introspection=False)
    assert world.apply(client).is_complete
    assert world.plan(client).is_empty


@EACH
def test_a_create_without_answer_or_effect_keeps_its_intent_and_is_done_by_the_next_run(flavour: Flavour) -> None:
    world = World(flavour)
    world.provider.script("create", lost_before)
    assert isinstance(failure(world.apply(APP)).error, UnknownOutcome)
    assert ["create"] == [pending.action for pending in world.plan(APP).pending]
    assert world.apply(APP).is_complete
    assert world.logs_in()


@EACH
def test_a_create_that_arrives_after_its_run_is_taken_over_with_its_secret(flavour: Flavour) -> None:
    """The connection is cut, the read finds nothing, and then the server does it all the same."""
    world = World(flavour)
    late: list[Callable[[], object]] = []

    def delayed(send: Any) -> Any:
        late.append(send)
        raise UnknownOutcome("no answer")

    world.provider.script("create", delayed)
    failure(world.apply(APP))
    late[0]()
    (change,) = world.plan(APP).changes
    assert (Action.ADOPT, True) == (change.action, change.resumes)
    assert world.apply(APP).is_complete
    assert world.logs_in()
    assert 1 == world.provider.count("create")


@EACH
def test_a_resumed_create_sets_what_the_create_forced(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(allow_introspection=False, owners=OWNERS)
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    assert "cannot be reached" in failure(world.apply(client)).error.why
    assert world.apply(client).is_complete
    assert world.logs_in()
    assert world.plan(client).is_empty


def test_a_resumed_create_takes_a_secret_that_is_shown_and_another_one() -> None:
    world = World("1.12")
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    world.apply(APP)
    world.edit(client_secret="rotated-by-hand")
    assert world.apply(APP).is_complete
    assert "rotated-by-hand" == world.secret()


def test_a_resumed_create_of_a_client_without_secret_has_none() -> None:
    world = World("1.14")
    client = desired(token_endpoint_auth_method="none")
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    world.apply(client)
    assert world.apply(client).is_complete
    assert SecretStatus.NONE == world.held().secret_status


@EACH
def test_a_refused_create_leaves_nothing_behind(flavour: Flavour) -> None:
    world = World(flavour)
    world.provider.script("create", refused)
    assert "the server refuses it" == failure(world.apply(APP)).error.summary
    assert ({}, {}) == (world.backend.load().clients, world.backend.load().intents)


@EACH
def test_a_client_that_was_deleted_by_hand_is_made_anew_with_a_new_secret(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(owners=OWNERS)
    world.apply(client)
    world.remove()
    assert world.apply(client, recreate=frozenset({"team/app"})).is_complete
    assert world.logs_in()
    assert 2 == world.sealed().version
    assert world.plan(client).is_empty


@EACH
def test_a_recreation_whose_answer_is_lost_ends_with_the_new_secret(flavour: Flavour) -> None:
    world = World(flavour)
    world.apply(APP)
    world.remove()
    world.provider.script("create", lost_after)
    world.provider.script("get", unreachable)
    failure(world.apply(APP, recreate=frozenset({"team/app"})))
    assert world.apply(APP).is_complete
    assert world.logs_in()


@EACH
def test_lost_answers_of_the_put_and_of_owners_are_read_back(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(allow_introspection=False, owners=OWNERS)
    world.provider.script("update", lost_after)
    world.provider.script("assign", lambda send: send(), lost_after)
    assert world.apply(client).is_complete
    assert world.plan(client).is_empty


@EACH
def test_owners_that_were_not_assigned_fail_and_are_assigned_by_the_next_run(flavour: Flavour) -> None:
    world = World(flavour)
    client = desired(owners=OWNERS)
    world.provider.script("assign", lost_before)
    assert isinstance(failure(world.apply(client)).error, UnknownOutcome)
    assert world.logs_in()
    assert world.apply(client).is_complete
    assert world.plan(client).is_empty
