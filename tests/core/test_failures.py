"""What others got wrong with the same kind of tool, and what holds here: cases that a plan decides."""

from __future__ import annotations

import pytest

from iac.core.desired import ChangeLimits, Disposition, Lifecycle, RemovedEntry
from iac.core.errors import Location
from iac.core.model import FIELDS
from iac.core.plan.change import Action
from iac.views.text import plan_text
from tests.core.build import (
    CANARY,
    actual,
    applied,
    desired,
    plan,
    project,
    registered,
    state,
)

HERE = Location("iac.yaml", 12)
MANY = [desired(f"team/app-{number}") for number in range(5)]
HELD = state({client.address: applied(client) for client in MANY})
SEEN = actual(*(registered(client, secret=CANARY) for client in MANY))


def test_7_an_empty_folder_deletes_nothing_and_says_so() -> None:
    found = plan(project(), HELD, SEEN)
    assert () == found.changes
    assert [("missing-definition", [client.address]) for client in MANY] == [
        (guard.id, guard.details["addresses"]) for guard in found.guards
    ]


def test_7_a_part_of_the_folder_that_is_missing_deletes_nothing() -> None:
    found = plan(project(*MANY[:2]), HELD, SEEN)
    assert (True, 3, 2) == (found.is_empty, len(found.guards), found.no_op)


def test_8_prevent_destroy_outlives_its_definition_and_the_plan_is_shown() -> None:
    held = state({"team/app": applied(desired(), prevent_destroy=True)})
    wanted = project(removed=(RemovedEntry("team/app", Disposition.DELETE, HERE),))
    found = plan(wanted, held, actual(registered(desired())))
    assert [Action.DELETE] == [change.action for change in found.changes]
    (guard,) = found.guards
    assert "prevent-destroy" == guard.id
    text = plan_text(found, color=False)
    assert "team/app: delete app" in text
    assert "lifecycle: {prevent_destroy: false}" in text


def test_8_a_definition_that_sets_prevent_destroy_is_remembered() -> None:
    client = desired(lifecycle=Lifecycle(prevent_destroy=True))
    found = plan(project(client), state({"team/app": applied(desired())}), actual(registered(client, secret=CANARY)))
    assert [Action.UPDATE] == [change.action for change in found.changes]


def test_9_a_plan_of_a_server_that_moved_on_is_another_plan() -> None:
    client = desired(client_name="New name")
    held = state({"team/app": applied(desired())})
    approved = plan(project(client), held, actual(registered(desired(), secret=CANARY)))
    now = plan(project(client), held, actual(registered(desired(), secret=CANARY, scope="theirs")))
    assert approved.digest != now.digest
    deleting = project(removed=(RemovedEntry("team/app", Disposition.DELETE, HERE),))
    before, after = (
        plan(deleting, held, actual(registered(desired(), client_uri=uri))) for uri in ("https://a", "https://b")
    )
    assert before.digest != after.digest


def test_10_lists_in_another_order_and_server_defaults_are_no_difference() -> None:
    client = desired(scope=("a", "b", "c"), contacts=("x@example.org", "y@example.org"))
    seen = registered(
        client,
        secret=CANARY,
        scope="c b a b",
        contacts=["y@example.org", "x@example.org", "y@example.org"],
        reuse_refresh_token=True,
        id_token_validity_seconds=601,
        colour="red",
    )
    assert plan(project(client), state({"team/app": applied(client)}), actual(seen)).is_empty


def test_12_clients_of_others_are_counted_and_nothing_else() -> None:
    others = [registered(desired(f"x/{name}"), client_name="Theirs") for name in ("one", "two", "dashboard")]
    found = plan(project(desired()), seen=actual(*others))
    assert (["team/app"], 3) == ([change.address for change in found.changes], found.unmanaged)


def test_12_a_client_id_that_somebody_else_has_is_neither_changed_nor_created() -> None:
    found = plan(project(desired()), seen=actual(registered(desired(), client_name="Theirs")))
    (guard,) = found.guards
    assert ((), "client-id-taken", 0) == (found.changes, guard.id, found.unmanaged)
    assert "adopt: true" in guard.details["setting"]


def test_14_what_a_server_would_drop_or_take_for_something_else_is_refused_before_anything_is_sent() -> None:
    found = plan(project(desired(tos_uri="https://x", default_max_age=1, id_token_validity_seconds=0)))
    assert {"tos-uri-is-dropped", "default-max-age-is-dropped", "zero-lifetime-is-the-default"} == {
        guard.id for guard in found.guards
    }
    assert all(guard.details["setting"] for guard in found.guards)


def test_18_only_changed_fields_are_shown_and_lists_as_what_comes_and_goes() -> None:
    uris = tuple(f"https://app.example.org/{number:03d}" for number in range(668))
    client = desired(redirect_uris=(*uris[1:], "https://app.example.org/new"))
    held = state({"team/app": applied(desired(redirect_uris=uris))})
    found = plan(project(client), held, actual(registered(desired(redirect_uris=uris), secret=CANARY)))
    ((field,),) = (change.fields for change in found.changes)
    assert ("redirect_uris", ("https://app.example.org/new",), (uris[0],)) == (field.name, field.added, field.removed)
    text = plan_text(found, color=False)
    assert (1, 1) == (text.count("+ https://"), text.count("- https://"))
    assert not [name for name in FIELDS if name in text and name != "redirect_uris"]


def refused() -> list[tuple[str, str, str, str]]:
    """A plan for each guard: id, limit, value, and what names the way on."""
    client = desired(client_name="New name")
    held = state({client.address: applied(client)})
    seen = actual(registered(client, secret=CANARY, client_name="Theirs"))
    gone = project(*MANY[:0], removed=tuple(RemovedEntry(client.address, Disposition.DELETE, HERE) for client in MANY))
    plans = [
        plan(gone, HELD, SEEN),
        plan(project(client, limits=ChangeLimits(max_updates=0)), held, seen),
        plan(project(client), held),
        plan(project(desired(client_id="other")), state({client.address: applied(client, prevent_destroy=True)}), seen),
        plan(project(client, login_client_id="app"), held, seen),
    ]
    return [
        (g.id, g.details["limit"], g.details["value"], g.details["setting"] + g.details["flag"])
        for found in plans
        for g in found.guards
    ]


@pytest.mark.parametrize(
    ("guard", "limit", "value", "way"),
    [
        ("max-deletes", "3", "5", "limits.max_deletes: 5 in iac.yaml"),
        ("max-updates", "0", "1", "limits.max_updates: 1 in iac.yaml"),
        ("deleted-on-server", "", "app", "--recreate team/app"),
        ("prevent-destroy", "prevent_destroy: true", "app", "prevent_destroy: false"),
        ("protected-client", "", "app", "another client_id"),
    ],
)
def test_19_every_refusal_names_its_limit_its_value_and_the_way_on(
    guard: str, limit: str, value: str, way: str
) -> None:
    ((_, found_limit, found_value, found_way),) = [found for found in refused() if found[0] == guard]
    assert (limit, value) == (found_limit, found_value)
    assert way in found_way
