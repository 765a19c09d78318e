"""Apply, plan again: empty, whatever was wanted and on every flavour."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iac.core.model import SECRET_METHODS
from iac.sandbox.flavour import Flavour
from tests.core import strategies as our
from tests.fakes.world import World

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient

MORE = settings(max_examples=settings().max_examples * 3 // 2)


@given(st.sampled_from(list(Flavour)), our.definitions())
@MORE
def test_a_plan_after_an_apply_is_empty(flavour: Flavour, client: DesiredClient) -> None:
    world = World(flavour)
    report = world.apply(client)
    assert [] == [line for outcome in report.to_dict()["failed"] for line in outcome["error"]]
    again = world.plan(client)
    assert [] == [change.to_dict() for change in again.changes]
    assert (1, ()) == (again.no_op, again.guards)


@given(st.sampled_from(list(Flavour)), our.definitions(), our.definitions())
@MORE
def test_a_plan_after_a_change_is_empty_and_the_secret_logs_in(
    flavour: Flavour, before: DesiredClient, after: DesiredClient
) -> None:
    assume("jwk" not in before.fields or "jwk" in after.declared or "jwks_uri" in after.fields)
    world = World(flavour)
    assert world.apply(before).is_complete
    report = world.apply(after)
    assert [] == [line for outcome in report.to_dict()["failed"] for line in outcome["error"]]
    assert [] == [change.to_dict() for change in world.plan(after).changes]
    held = world.held()
    if held.secret is not None:
        assert world.logs_in()
    else:
        assert after.fields["token_endpoint_auth_method"] not in SECRET_METHODS


@given(st.sampled_from(list(Flavour)), our.definitions(), st.integers())
def test_a_server_that_reorders_its_lists_shows_no_difference(
    flavour: Flavour, client: DesiredClient, seed: int
) -> None:
    world = World(flavour)
    world.apply(client)
    world.iam.world.shuffler = Random(seed)
    assert world.plan(client).is_empty
