"""What a plan says where the server chooses ids, and clients are reached by tokens that may not be at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.desired import Disposition, MovedEntry, RemovedEntry
from iac.core.drift import find_drift
from iac.core.errors import Location
from iac.core.model import Actual, Facts, InvalidMember, NewToken, Registration, UnreadReason
from iac.core.plan.change import Action
from iac.core.plan.identity import with_token
from iac.core.secret import Secret
from iac.core.state.model import Predecessor
from iac.registry import capabilities
from tests.core.build import NEW, OPTIONS, actual, applied, desired, intent, plan, project, registered, sealed, state

if TYPE_CHECKING:
    from iac.core.plan.plan import Plan
    from iac.core.state.model import ClientState

API = capabilities("iam-self-service")
FACTS = replace(NEW, api=API)
HERE = Location("iac.yaml", 9)
ID = "chosen-by-the-server"
CLIENT = desired(client_id="", scope=("openid",))


def held(**more: Any) -> ClientState:
    return applied(CLIENT, **{"client_id": ID, "provider": API.provider, **more})


def seen(**more: Any) -> Actual:
    return replace(actual(registered(replace(CLIENT, client_id=ID), facts=NEW), facts=FACTS), **more)


def ids(found: Plan) -> list[str]:
    return [guard.id for guard in found.guards]


def test_the_id_that_the_server_chose_is_that_of_the_definition() -> None:
    found = plan(project(CLIENT, api=API), state({"team/app": held()}), seen())
    assert (True, True, []) == (found.is_empty, found.complete, ids(found))


def test_a_client_that_moves_keeps_the_id_that_the_server_chose() -> None:
    moved = [MovedEntry("team/old", "team/app", HERE)]
    found = plan(project(CLIENT, api=API, moved=moved), state({"team/old": held()}), seen())
    assert (True, []) == (found.is_empty, ids(found))


@pytest.mark.parametrize(
    ("why", "finding"), [(UnreadReason.NO_KEY, "not-read"), (UnreadReason.NO_ADDRESS, "create-only")]
)
def test_what_cannot_be_read_is_compared_with_what_was_last_applied(why: UnreadReason, finding: str) -> None:
    unread = Actual(FACTS, {}, 0, {ID: why})
    found = plan(project(CLIENT, api=API), state({"team/app": held()}), unread)
    assert (True, False, [finding]) == (found.is_empty, found.complete, [said.id for said in found.findings])
    changed = plan(project(replace(CLIENT, fields={**CLIENT.fields, "client_name": "New name"}), api=API),
                   state({"team/app": held()}), unread)  # fmt: skip
    assert [Action.UPDATE] == [change.action for change in changed.changes]
    assert (["create-only"] if why is UnreadReason.NO_ADDRESS else []) == ids(changed)


OTHER = capabilities("rfc7591")
OTHER_FACTS = replace(FACTS, api=OTHER)


def test_a_client_that_cannot_be_read_without_loss_is_compared_with_what_was_last_applied() -> None:
    unread = Actual(OTHER_FACTS, {}, 0, {ID: UnreadReason.NOT_STORED})
    found = plan(project(CLIENT, api=OTHER), state({"team/app": held(provider="rfc7591")}), unread)
    assert (True, False, ["not-read"]) == (found.is_empty, found.complete, [said.id for said in found.findings])


@pytest.mark.parametrize(("intents", "guard"), [({}, "token-refused"), ({"team/app": "update"}, "lost-update")])
def test_a_client_whose_token_is_refused_is_not_taken_for_deleted(intents: dict[str, str], guard: str) -> None:
    refused = Actual(OTHER_FACTS, {}, 0, {ID: UnreadReason.REFUSED})
    begun = {address: intent(replace(CLIENT, client_id=ID), action) for address, action in intents.items()}
    last = state({"team/app": held(provider="rfc7591")}, intents=begun)
    found = plan(project(CLIENT, api=OTHER), last, refused)
    assert ([guard], False) == (ids(found), found.complete)
    again = plan(project(CLIENT, api=OTHER), last, refused, replace(OPTIONS, recreate=frozenset({"team/app"})))
    assert ([], [Action.CREATE]) == (ids(again), [change.action for change in again.changes])
    for then, guards in ((Disposition.DELETE, [guard]), (Disposition.FORGET, [])):
        removed = [RemovedEntry("team/app", then, HERE)]
        assert guards == ids(plan(project(api=OTHER, removed=removed), last, refused))


def test_a_create_that_was_not_begun_is_a_create() -> None:
    waiting = state(intents={"team/app": replace(intent(replace(CLIENT, client_id="")), begun=False)})
    found = plan(project(CLIENT, api=API), waiting, Actual(FACTS, {}, 0))
    assert ([], [Action.CREATE]) == (ids(found), [change.action for change in found.changes])
    gone = plan(project(desired("team/b", client_id=""), api=API), waiting, Actual(FACTS, {}, 0))
    assert [] == ids(gone)


def test_one_client_tells_whether_reads_bring_new_tokens() -> None:
    told = {None: held(), False: held(token_renewed=False), True: held(token_renewed=True)}
    assert [None, False, True] == [state({"team/app": client}).token_renewed for client in told.values()]
    assert state({"team/app": told[False], "team/b": told[True]}).token_renewed is True


def test_what_this_run_does_not_look_at_is_not_said_to_be_unread() -> None:
    unread = Actual(FACTS, {}, 0, {ID: UnreadReason.NO_KEY})
    options = replace(OPTIONS, targets=frozenset({"team/other"}))
    other = desired("team/other", client_id="")
    found = plan(project(CLIENT, other, api=API), state({"team/app": held()}), unread, options)
    assert [] == [said.id for said in found.findings]


def test_drift_of_what_cannot_be_read_is_said_to_be_unread() -> None:
    unread = Actual(FACTS, {}, 0, {ID: UnreadReason.NO_KEY})
    found = find_drift(project(CLIENT, api=API), state({"team/app": held()}), unread)
    assert ((), 0, ("team/app",)) == (found.clients, found.unchanged, found.unread)


def test_a_client_without_address_leaves_by_being_forgotten() -> None:
    unread = Actual(FACTS, {}, 0, {ID: UnreadReason.NO_ADDRESS})
    for then, guards in ((Disposition.DELETE, ["create-only"]), (Disposition.FORGET, [])):
        removed = [RemovedEntry("team/app", then, HERE)]
        assert guards == ids(plan(project(api=API, removed=removed), state({"team/app": held()}), unread))


def test_a_client_that_is_out_of_reach_is_forgotten_with_a_reason_that_says_so() -> None:
    removed = [RemovedEntry("team/app", Disposition.DELETE, HERE)]
    found = plan(project(api=API, removed=removed), state({"team/app": held()}), Actual(FACTS, {}, 0))
    assert ["gone from the server, or out of reach"] == [change.reason for change in found.changes]


def test_an_id_that_is_not_there_is_not_registered_under_another() -> None:
    named = desired(client_id="theirs", adopt=True)
    assert ["client-id-not-chosen"] == ids(plan(project(named, api=API), state(), Actual(FACTS, {}, 0)))


def test_a_registration_that_may_have_been_sent_is_not_sent_again() -> None:
    lost = state(intents={"team/app": intent(CLIENT)})
    nothing = Actual(FACTS, {}, 0, found={"team/app": ("found-1",)})
    (guard,) = plan(project(CLIENT, api=API), lost, nothing).guards
    assert ("lost-create", "found-1", "--recreate team/app") == (
        guard.id,
        guard.details["value"],
        guard.details["flag"],
    )
    again = replace(OPTIONS, recreate=frozenset({"team/app"}))
    assert [] == ids(plan(project(CLIENT, api=API), lost, nothing, again))


def test_one_whose_definition_is_gone_is_not_forgotten() -> None:
    lost = state(intents={"team/app": intent(CLIENT)})
    assert ["lost-create"] == ids(plan(project(desired("team/b", client_id=""), api=API), lost, Actual(FACTS, {}, 0)))


def test_a_client_that_is_not_reached_any_more_is_made_anew_only_when_asked() -> None:
    wanted, last, gone = project(CLIENT, api=API), state({"team/app": held()}), Actual(FACTS, {}, 0)
    assert ["deleted-on-server"] == ids(plan(wanted, last, gone))
    again = plan(wanted, last, gone, replace(OPTIONS, recreate=frozenset({"team/app"})))
    assert ([], "", Action.CREATE) == (ids(again), again.changes[0].client_id, again.changes[0].action)


def test_a_client_is_handed_over_by_a_plan() -> None:
    named = replace(CLIENT, client_id=ID)
    (change,) = plan(project(named), state({"team/app": held()}), seen(facts=NEW)).changes
    assert (Action.ADOPT, "handed over from iam-self-service") == (change.action, change.reason)
    assert "kept" == change.secret


def test_who_comes_with_a_token_comes_as_nobody() -> None:
    robot = replace(CLIENT, fields={**CLIENT.fields, "grant_types": ("client_credentials",)})
    by_login = plan(project(robot, api=API), state({"team/app": held()}), seen())
    by_token = plan(project(robot, api=API), state({"team/app": held(rat=sealed())}), seen())
    assert ([], ["grants-refused-to-nobody"]) == (ids(by_login), ids(by_token))


def test_scopes_that_are_left_alone_may_be_stripped_too() -> None:
    ignoring = replace(
        CLIENT,
        fields={**CLIENT.fields, "client_name": "New name"},
        lifecycle=replace(CLIENT.lifecycle, ignore_changes=frozenset({"scope"})),
    )
    server = registered(replace(CLIENT, client_id=ID), facts=NEW, scope="openid storage.read:/")
    there = actual(server, facts=FACTS)
    assert ["scope-would-be-stripped"] == ids(plan(project(ignoring, api=API), state({"team/app": held()}), there))


def test_self_service_has_no_flavour_before_it_showed_a_client() -> None:
    flavours = [Facts(old, new, API).flavour for old, new in ((False, False), (True, False), (False, True))]
    assert ["unknown", "1.12", "1.14"] == flavours


def test_a_server_that_is_no_iam_has_no_flavour_of_iam() -> None:
    assert "rfc7591" == Facts(shows_secrets=False, has_up_scoping=False, api=capabilities("rfc7591")).flavour


def test_another_id_than_the_server_chose_is_refused_and_both_are_named() -> None:
    found = plan(project(replace(CLIENT, client_id="mine"), api=API), state({"team/app": held()}), seen())
    (guard,) = found.guards
    assert ("client-id-changed", True) == (guard.id, found.is_empty)
    assert ID in guard.summary
    assert "mine" in guard.summary


@pytest.mark.parametrize("since", ["", "2026-01-01T00:00:00Z"], ids=["waits for outputs", "its time is over"])
def test_a_predecessor_that_this_login_does_not_reach_is_not_taken_for_gone(since: str) -> None:
    old = Predecessor(held(client_id="old", provider="iam-admin"), grace=1, since=since)
    last = state({"team/app": held(predecessors=(old,))})
    options = replace(OPTIONS, now=datetime(2026, 11, 26, tzinfo=UTC))
    found = plan(project(CLIENT, api=API), last, seen(), options)
    assert [] == [change.address for change in found.changes]
    assert [("old", False)] == [(standing.client_id, standing.is_due) for standing in found.predecessors]
    registered_ones = {**seen().registrations, "old": registered(replace(CLIENT, client_id="old"))}
    found = plan(project(CLIENT, api=API), last, seen(registrations=registered_ones), options)
    assert [["old"]] == [[old.client_id for old in change.leaving] for change in found.changes]


def test_a_predecessor_whose_time_is_over_goes_with_the_change_that_is_made_anyway() -> None:
    old = Predecessor(held(client_id="old"), grace=1, since="2026-01-01T00:00:00Z")
    changed = replace(CLIENT, fields={**CLIENT.fields, "client_name": "Another name"})
    there = {**seen().registrations, "old": registered(replace(CLIENT, client_id="old"))}
    options = replace(OPTIONS, now=datetime(2026, 11, 26, tzinfo=UTC))
    found = plan(
        project(changed, api=API), state({"team/app": held(predecessors=(old,))}), seen(registrations=there), options
    )
    (change,) = found.changes
    assert (["client_name"], ["old"]) == ([f.name for f in change.fields], [gone.client_id for gone in change.leaving])


GARBLED = Registration(ID, {}, invalid_members=(InvalidMember("client_name", "a text", "a list"),))
PROBLEM = "client_name: expected a text, got a list"


def garbled(client_id: str = ID) -> Actual:
    return Actual.of(FACTS, [replace(GARBLED, client_id=client_id)], 1)


def test_what_is_not_understood_is_compared_with_what_was_last_applied_and_left_alone() -> None:
    found = plan(project(CLIENT, api=API), state({"team/app": held()}), garbled())
    assert (True, False, ["not-understood"], []) == (
        found.is_empty,
        found.complete,
        [said.id for said in found.findings],
        ids(found),
    )
    assert PROBLEM in found.findings[0].why
    renamed = replace(CLIENT, fields={**CLIENT.fields, "client_name": "New name"})
    changed = plan(project(renamed, api=API), state({"team/app": held()}), garbled())
    assert ["client-not-understood"] == ids(changed)
    assert PROBLEM in changed.guards[0].why


def test_what_is_not_understood_can_be_forgotten_and_not_deleted() -> None:
    for then, guards in ((Disposition.DELETE, ["client-not-understood"]), (Disposition.FORGET, [])):
        removed = [RemovedEntry("team/app", then, HERE)]
        assert guards == ids(plan(project(api=API, removed=removed), state({"team/app": held()}), garbled()))


@pytest.mark.parametrize("action", [Action.CREATE, Action.ROTATE])
def test_an_interrupted_write_of_what_is_not_understood_is_not_taken_for_done(action: Action) -> None:
    client = desired("team/app", client_id="app")
    there = {} if action is Action.CREATE else {"team/app": applied(client)}
    begun = {"team/app": replace(intent(client), action=action)}
    found = plan(project(client), state(there, intents=begun), garbled("app"))
    assert ["client-not-understood"] == ids(found)


def test_a_client_in_no_state_that_is_not_understood_is_neither_created_nor_taken_over() -> None:
    for adopt in (True, False):
        found = plan(project(desired("team/app", client_id="app", adopt=adopt)), state({}), garbled("app"))
        assert (["client-not-understood"], ()) == (ids(found), found.changes)


def test_drift_of_what_is_not_understood_is_said_to_be_unread_and_why() -> None:
    found = find_drift(project(CLIENT, api=API), state({"team/app": held()}), garbled())
    assert (("team/app",), (f"team/app ({ID}) is not understood: {PROBLEM}",)) == (found.unread, found.not_understood)


def test_a_new_token_takes_the_place_of_the_one_of_its_client() -> None:
    old = Predecessor(held(client_id="old", rat=sealed()))
    client, new = held(rat=sealed(), predecessors=(old,)), sealed("new")
    own = with_token(client, NewToken(ID, Secret("new"), by_read=True), new)
    assert (new, True, client.predecessors) == (own.rat, own.token_renewed, own.predecessors)
    theirs = with_token(client, NewToken("old", Secret("new"), by_read=False), new)
    assert (client.rat, [(new, None)]) == (
        theirs.rat,
        [(one.client.rat, one.client.token_renewed) for one in theirs.predecessors],
    )
