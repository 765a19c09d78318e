from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.desired import ChangeLimits, Disposition, Lifecycle, MovedEntry, RemovedEntry
from iac.core.errors import Location
from iac.core.plan.change import Action, Change, OutputAction, SecretChange, SecretStep
from iac.core.plan.identity import find_moves, move
from iac.core.plan.output import output_digest
from iac.core.plan.plan import PendingWrite, RenderedClient
from iac.core.state.model import OutputRecord, Predecessor, SecretStatus, Tombstone
from tests.core.build import (
    CANARY,
    KEY,
    NEW,
    NOW,
    OLD,
    OPTIONS,
    actual,
    applied,
    desired,
    intent,
    output,
    plan,
    project,
    registered,
    sealed,
    state,
)
from tests.every import every

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from iac.core.model import Facts, Value
    from iac.core.plan.plan import Plan
    from iac.core.state.model import ClientState

APP = desired()
HERE = Location("iac.yaml", 12)
NO_SECRET: dict[str, Any] = {"secret": None, "secret_status": SecretStatus.NONE}
UNKNOWN: dict[str, Any] = {"secret": None, "secret_status": SecretStatus.UNKNOWN}


def only(found: Plan) -> Change:
    assert 1 == len(found.changes)
    return found.changes[0]


def guards(found: Plan) -> list[str]:
    return [guard.id for guard in found.guards]


def record_of(client: Any = APP, *, version: int | None = 1, clients: tuple[str, ...] = ("team/app",)) -> OutputRecord:
    rendered = dict.fromkeys(clients, RenderedClient(client.client_id, client.fields, version))
    return OutputRecord(output_digest(output(clients=clients), "sha256:template", rendered), clients)


# creating


def test_a_client_that_is_nowhere_is_created_with_a_secret_of_our_choice() -> None:
    found = plan(project(APP))
    change = only(found)
    assert (Action.CREATE, SecretChange.CREATED, SecretStep.CHOOSE) == (change.action, change.secret, change.step)
    assert ("not in state and not registered", "An app", APP.location) == (
        change.reason,
        change.client_name,
        change.location,
    )
    assert [] == guards(found)
    assert change.observed is None


def test_a_create_that_an_interrupted_run_did_not_send_is_a_create() -> None:
    found = plan(project(APP), state(intents={APP.address: intent(APP, secret=sealed())}))
    assert "an interrupted run did not register it" == only(found).reason
    assert (PendingWrite("team/app", "app", "create", NOW),) == found.pending


def test_a_client_that_was_deleted_on_the_server_is_made_anew_only_when_asked() -> None:
    held = state({APP.address: applied(APP)})
    refused = plan(project(APP), held)
    assert ("deleted on server", Action.CREATE) == (only(refused).reason, only(refused).action)
    assert ["deleted-on-server"] == guards(refused)
    assert "--recreate team/app" == refused.guards[0].details["flag"]
    asked = plan(project(APP), held, options=replace(OPTIONS, recreate=frozenset({"team/app"})))
    assert [] == guards(asked)
    assert Action.CREATE == only(asked).action


def test_a_client_to_adopt_that_is_not_there_is_created_with_a_warning() -> None:
    change = only(plan(project(desired(adopt=True))))
    assert Action.CREATE == change.action
    assert ["nothing-to-adopt"] == [finding.id for finding in change.findings]


# taking over


def test_a_client_id_that_somebody_else_has_is_refused() -> None:
    found = plan(project(APP), seen=actual(registered(APP)))
    assert ((), ["client-id-taken"]) == (found.changes, guards(found))
    assert APP.location == found.guards[0].location


def test_adopting_a_client_that_is_as_wanted_changes_no_field() -> None:
    client = desired(adopt=True)
    change = only(plan(project(client), seen=actual(registered(client, secret="theirs"))))
    assert (Action.ADOPT, (), SecretChange.KEPT, SecretStep.TAKE) == (
        change.action,
        change.fields,
        change.secret,
        change.step,
    )
    assert "adopt: true" == change.reason


def test_adopting_from_a_server_that_hides_secrets_blocks_the_outputs() -> None:
    client = desired(adopt=True)
    found = plan(project(client, outputs=(output(),)), seen=actual(registered(client, facts=NEW), facts=NEW))
    change = only(found)
    assert SecretChange.UNKNOWN == change.secret
    assert [OutputAction.BLOCKED] == [out.action for out in change.outputs]
    assert [] == guards(found)


def test_a_create_that_an_interrupted_run_sent_is_taken_over_with_its_secret() -> None:
    held = state(intents={APP.address: intent(APP, secret=sealed())})
    change = only(plan(project(APP), held, actual(registered(APP, facts=NEW), facts=NEW)))
    assert (Action.ADOPT, True, SecretChange.CREATED, SecretStep.NOTHING) == (
        change.action,
        change.resumes,
        change.secret,
        change.step,
    )
    assert only(plan(project(APP))).digest == change.digest


def test_a_recreation_that_was_interrupted_is_taken_over_with_its_new_secret() -> None:
    """State still holds the secret of the client that was deleted: it logs in nowhere."""
    held = state({APP.address: applied(APP)}, intents={APP.address: intent(APP, secret=sealed("new", version=2))})
    change = only(plan(project(APP), held, actual(registered(APP, facts=NEW), facts=NEW)))
    assert (Action.ADOPT, True, SecretChange.CREATED) == (change.action, change.resumes, change.secret)


@pytest.mark.parametrize(
    ("sent", "wanted", "expected"),
    [
        ("none", "none", (SecretChange.NONE, SecretStep.NOTHING)),
        ("none", "client_secret_basic", (SecretChange.CREATED, SecretStep.ROTATE)),
        ("client_secret_basic", "none", (SecretChange.ERASED, SecretStep.DROP)),
    ],
)
def test_an_interrupted_create_whose_method_is_another_now_ends_with_the_secret_of_the_new_one(
    sent: str, wanted: str, expected: tuple[SecretChange, SecretStep]
) -> None:
    client = desired(token_endpoint_auth_method=wanted)
    seen = registered(client, facts=NEW, token_endpoint_auth_method=sent)
    chosen = None if sent == "none" else sealed()
    held = state(intents={client.address: intent(client, secret=chosen)})
    change = only(plan(project(client), held, actual(seen, facts=NEW)))
    assert (True, *expected) == (change.resumes, change.secret, change.step)


def test_the_intent_of_another_client_id_or_another_write_is_no_consent() -> None:
    other = replace(intent(APP), client_id="other")
    for given in (other, intent(APP, "rotate")):
        assert ["client-id-taken"] == guards(
            plan(project(APP), state(intents={APP.address: given}), actual(registered(APP)))
        )


# updating


def updated(client: Any, last: Any = None, facts: Facts = OLD, **more: Any) -> Plan:
    held = state({client.address: last or applied(client)}, intents=more.pop("intents", {}))
    secret = None if facts is NEW else CANARY
    return plan(project(client), held, actual(registered(client, facts=facts, secret=secret, **more), facts=facts))


@pytest.mark.parametrize("facts", [OLD, NEW])
def test_a_client_that_is_as_wanted_is_no_change(facts: Facts) -> None:
    found = updated(APP, facts=facts)
    assert (True, 1, ()) == (found.is_empty, found.no_op, found.guards)


def test_a_changed_field_is_an_update() -> None:
    change = only(updated(APP, client_name="Theirs"))
    assert (Action.UPDATE, SecretChange.KEPT, ["client_name"]) == (
        change.action,
        change.secret,
        [field.name for field in change.fields],
    )


def test_a_higher_serial_alone_is_a_rotation_and_with_a_field_an_update() -> None:
    client, last = desired(secret_serial=2), applied(APP)
    alone = only(updated(client, last))
    assert (Action.ROTATE, SecretChange.ROTATED, "secret.serial 1 -> 2") == (alone.action, alone.secret, alone.reason)
    both = only(updated(client, last, client_name="Theirs"))
    assert (Action.UPDATE, SecretChange.ROTATED) == (both.action, both.secret)


def test_a_new_secret_that_is_asked_for_is_a_rotation_of_that_client_alone() -> None:
    clients = [APP, desired("team/other")]
    held = state({client.address: applied(client) for client in clients})
    seen = actual(*(registered(client, facts=NEW) for client in clients), facts=NEW)
    found = plan(project(*clients), held, seen, replace(OPTIONS, rotate=frozenset({"team/app"})))
    assert ("team/app", Action.ROTATE, SecretStep.ROTATE) == (only(found).address, only(found).action, only(found).step)


def test_a_secret_that_was_changed_by_hand_is_an_update_that_takes_it() -> None:
    held = state({APP.address: applied(APP, secret=sealed("ours"))})
    change = only(plan(project(APP), held, actual(registered(APP, secret="by hand"))))
    assert (Action.UPDATE, SecretChange.ROTATED, SecretStep.TAKE) == (change.action, change.secret, change.step)


def test_a_rotation_whose_answer_is_lost_is_done_again_where_secrets_are_hidden() -> None:
    lost = {APP.address: intent(APP, "rotate")}
    assert (Action.ROTATE, SecretStep.ROTATE) == (
        only(updated(APP, facts=NEW, intents=lost)).action,
        only(updated(APP, facts=NEW, intents=lost)).step,
    )
    assert updated(APP, facts=OLD, intents=lost).is_empty


@pytest.mark.parametrize("protected", [True, False])
def test_prevent_destroy_alone_is_an_update_that_state_remembers(protected: bool) -> None:  # noqa: FBT001  # both ways
    client = desired(lifecycle=Lifecycle(prevent_destroy=protected))
    change = only(updated(client, applied(APP, prevent_destroy=not protected)))
    assert (Action.UPDATE, (), "lifecycle.prevent_destroy, which state remembers") == (
        change.action,
        change.fields,
        change.reason,
    )


def test_what_a_server_drops_or_refuses_is_refused() -> None:
    dropped = plan(project(desired(up_scoping_enabled=True)), seen=actual(facts=OLD))
    assert ["up-scoping-needs-1.14"] == guards(dropped)
    refused = plan(project(desired(redirect_uris=("app:/cb",))), seen=actual(facts=NEW))
    assert (["redirect-uri-refused"], ()) == (guards(refused), only(refused).findings)


@pytest.mark.parametrize(
    ("answer", "login"),
    [
        ({"client_id": "dashboard"}, ""),
        ({"client_name": "oidc-agent:laptop"}, ""),
        ({"entity_id": "https://rp.example.org"}, ""),
        ({}, "app"),
    ],
)
def test_clients_that_are_not_to_be_touched_are_refused(answer: dict[str, Any], login: str) -> None:
    client = desired(client_id=answer.get("client_id", "app"))
    held = state({client.address: applied(client)})
    found = plan(project(client, login_client_id=login), held, actual(registered(client, **answer)))
    assert "protected-client" in guards(found)


# a hidden jwk


@pytest.mark.parametrize(
    ("last", "method", "refused"),
    [
        (applied(APP), "client_secret_basic", []),
        (applied(desired(jwk=KEY)), "client_secret_basic", ["hidden-field"]),
        (applied(APP), "private_key_jwt", ["hidden-field"]),
    ],
)
def test_an_update_that_would_erase_a_hidden_key_is_refused(last: Any, method: str, refused: list[str]) -> None:
    client = desired(token_endpoint_auth_method=method)
    held = replace(last, **NO_SECRET) if method == "private_key_jwt" else last
    assert refused == guards(updated(client, held, NEW, client_name="Theirs"))
    assert [] == guards(updated(client, held, NEW))
    assert [] == guards(updated(client, held, OLD, client_name="Theirs"))


@pytest.mark.parametrize("more", [{"jwk": KEY}, {"jwk": None}, {"jwks_uri": "https://app.example.org/jwks"}])
def test_a_key_that_is_declared_emptied_or_replaced_by_a_uri_may_be_written(more: dict[str, Any]) -> None:
    client = desired(**more)
    assert [] == guards(updated(client, applied(desired(jwk=KEY)), NEW, client_name="Theirs"))


def test_taking_over_a_client_with_a_hidden_key_is_refused_when_it_would_erase_it() -> None:
    client = desired(adopt=True, token_endpoint_auth_method="private_key_jwt")
    seen = registered(client, facts=NEW, client_name="Theirs")
    assert ["hidden-field"] == guards(plan(project(client), seen=actual(seen, facts=NEW)))
    shown = registered(client, facts=NEW, client_name="Theirs", jwks_uri="https://app.example.org/jwks")
    assert [] == guards(plan(project(client), seen=actual(shown, facts=NEW)))


# leaving


def leaving(then: Disposition, *, is_there: bool = True, **held: Any) -> Plan:
    wanted = project(removed=(RemovedEntry(APP.address, then, HERE),), **held.pop("wanted", {}))
    seen = actual(registered(APP)) if is_there else actual()
    return plan(wanted, state({APP.address: applied(APP, **held)}), seen)


@pytest.mark.parametrize(
    ("then", "is_there", "action", "reason", "secret"),
    [
        (Disposition.DELETE, True, Action.DELETE, "removed: then delete", SecretChange.ERASED),
        (Disposition.FORGET, True, Action.FORGET, "removed: then forget", SecretChange.NONE),
        (Disposition.DELETE, False, Action.FORGET, "already gone from the server", SecretChange.NONE),
        (Disposition.FORGET, False, Action.FORGET, "already gone from the server", SecretChange.NONE),
    ],
)
def test_a_client_leaves_as_its_entry_says(
    then: Disposition, *, is_there: bool, action: Action, reason: str, secret: SecretChange
) -> None:
    change = only(leaving(then, is_there=is_there))
    assert (action, reason, secret, HERE) == (change.action, change.reason, change.secret, change.location)
    assert ("app", "An app") == (change.client_id, change.client_name)


def test_a_client_without_a_secret_loses_none_when_it_is_deleted() -> None:
    assert SecretChange.NONE == only(leaving(Disposition.DELETE, **NO_SECRET)).secret


def test_prevent_destroy_in_state_refuses_a_delete_and_no_forget() -> None:
    refused = leaving(Disposition.DELETE, prevent_destroy=True)
    assert ["prevent-destroy"] == guards(refused)
    assert HERE == refused.guards[0].location
    assert [] == guards(leaving(Disposition.FORGET, prevent_destroy=True))


def test_the_client_that_logs_in_is_not_deleted() -> None:
    assert ["protected-client"] == guards(leaving(Disposition.DELETE, wanted={"login_client_id": "app"}))


def test_a_vanished_definition_is_refused_and_its_outputs_stay() -> None:
    held = state({APP.address: applied(APP)}, outputs={"out/app.env": record_of()})
    found = plan(project(outputs=(output(),)), held, actual(registered(APP)))
    assert ((), ["missing-definition"]) == (found.changes, guards(found))
    assert found.guards[0].location is None
    assert "removed: [{address: team/app, then: delete}]" in found.guards[0].details["setting"]


def test_an_interrupted_create_that_no_definition_names_any_more_is_refused() -> None:
    seen = actual(registered(APP))
    gone = plan(project(), state(intents={APP.address: intent(APP)}), seen)
    renamed = plan(project(desired(client_id="new")), state(intents={APP.address: intent(APP)}), seen)
    assert ["orphaned-create"] == guards(gone) == guards(renamed)
    assert [] == guards(plan(project(), state(intents={APP.address: intent(APP)})))


# moving


def test_a_moved_client_is_no_change_at_its_new_address() -> None:
    old, new = desired("team/old", client_id="app"), desired("team/new", client_id="app")
    wanted = project(new, moved=(MovedEntry("team/old", "team/new", HERE),))
    held = state({"team/old": applied(old)}, intents={"team/old": intent(old, "rotate")})
    found = plan(wanted, held, actual(registered(new, facts=NEW), facts=NEW))
    assert (("team/old", "team/new"),) == found.moved
    assert ("team/new", Action.ROTATE) == (only(found).address, only(found).action)


def test_moves_are_done_once() -> None:
    wanted = project(moved=(MovedEntry("a", "b", HERE), MovedEntry("c", "d", HERE)))
    assert (("a", "b"),) == find_moves(wanted, state({"a": applied(APP), "d": applied(APP)}))
    assert () == find_moves(wanted, state({"b": applied(APP)}))
    assert () == find_moves(wanted, state({"a": applied(APP), "b": applied(APP)}))


def test_a_move_does_not_make_two_interrupted_writes_one() -> None:
    wanted, clients = project(moved=(MovedEntry("a", "b", HERE),)), {"a": applied(APP)}
    assert (("a", "b"),) == find_moves(wanted, state(clients, intents={"b": intent(APP)}))
    assert () == find_moves(wanted, state(clients, intents={"a": intent(APP, "rotate"), "b": intent(APP)}))


def test_a_move_takes_outputs_and_intents_along_and_leaves_the_rest() -> None:
    other = OutputRecord("sha256:x", ("team/other",))
    before = state(
        {"team/app": applied(APP), "team/other": applied(APP)},
        outputs={"out/app.env": OutputRecord("sha256:y", ("team/app", "team/other")), "out/other.env": other},
        intents={"team/app": intent(APP, "rotate")},
    )
    after = move(before, [("team/app", "team/new")])
    assert {"team/new", "team/other"} == set(after.clients)
    assert {"out/app.env": ("team/new", "team/other"), "out/other.env": ("team/other",)} == {
        path: record.clients for path, record in after.outputs.items()
    }
    assert {"team/new": replace(intent(APP, "rotate"), address="team/new")} == after.intents
    assert before == move(before, [])


# outputs


def test_a_template_that_changed_alone_opens_a_change_of_its_client() -> None:
    held = state({APP.address: applied(APP)}, outputs={"out/app.env": replace(record_of(), digest="sha256:old")})
    change = only(plan(project(APP, outputs=(output(),)), held, actual(registered(APP, secret=CANARY))))
    assert (Action.UPDATE, "only its output changes", SecretChange.KEPT) == (
        change.action,
        change.reason,
        change.secret,
    )
    assert [("out/app.env", OutputAction.UPDATE)] == [(out.path, out.action) for out in change.outputs]


def test_an_output_of_a_client_without_secret_opens_a_change_without_one() -> None:
    client = desired(token_endpoint_auth_method="none")
    held = state({client.address: applied(client, **NO_SECRET)})
    change = only(plan(project(client, outputs=(output(),)), held, actual(registered(client))))
    assert SecretChange.NONE == change.secret


def test_an_output_of_an_adopted_client_is_planned_with_its_first_secret() -> None:
    client = desired(adopt=True)
    seen = actual(registered(client, secret="theirs"))
    change = only(plan(project(client, outputs=(output(),)), seen=seen))
    assert [record_of(version=1).digest] == [out.digest for out in change.outputs]


def test_an_output_that_is_as_wanted_is_no_change() -> None:
    held = state({APP.address: applied(APP)}, outputs={"out/app.env": record_of()})
    assert plan(project(APP, outputs=(output(),)), held, actual(registered(APP, secret=CANARY))).is_empty


def test_a_new_secret_changes_the_output() -> None:
    client = desired(secret_serial=2)
    held = state({APP.address: applied(APP)}, outputs={"out/app.env": record_of()})
    change = only(plan(project(client, outputs=(output(),)), held, actual(registered(client, secret=CANARY))))
    assert [OutputAction.UPDATE] == [out.action for out in change.outputs]


def test_an_output_that_is_no_longer_declared_goes_with_its_client_or_alone() -> None:
    held = state({APP.address: applied(APP)}, outputs={"out/app.env": record_of()})
    alone = only(plan(project(APP), held, actual(registered(APP, secret=CANARY))))
    deleted = only(
        plan(project(removed=(RemovedEntry(APP.address, Disposition.DELETE, HERE),)), held, actual(registered(APP)))
    )
    for change in (alone, deleted):
        assert [OutputAction.DELETE] == [out.action for out in change.outputs]


def test_an_output_of_several_clients_is_shown_with_each_that_changes() -> None:
    clients = [desired("team/app"), desired("team/other")]
    spec = output(clients=("team/app", "team/other"))
    found = plan(project(*clients, outputs=(spec,)))
    assert [["out/app.env"], ["out/app.env"]] == [[out.path for out in change.outputs] for change in found.changes]


def test_an_output_opens_no_change_where_no_client_of_it_is_managed() -> None:
    held = state(outputs={"out/app.env": record_of()})
    assert plan(project(APP), held, actual(registered(APP))).is_empty


def test_an_output_whose_clients_have_all_left_state_is_removed() -> None:
    """The run that deleted or forgot them died before it came to their outputs, or could not remove one."""
    held = state(outputs={path: record_of(clients=("team/app", "team/b")) for path in ("out/app.env", "out/b.env")})
    change = only(plan(project(), held))
    assert (Action.FORGET, "only its output is left", "team/app", "", None) == (
        change.action,
        change.reason,
        change.address,
        change.client_id,
        change.location,
    )
    assert [("out/app.env", OutputAction.DELETE), ("out/b.env", OutputAction.DELETE)] == [
        (out.path, out.action) for out in change.outputs
    ]


def test_what_is_known_of_the_client_of_a_leftover_output_is_said() -> None:
    graves = (Tombstone("team/other", applied(desired("team/other")), NOW), Tombstone("team/app", applied(APP), NOW))
    removed = (
        RemovedEntry("team/other", Disposition.DELETE, HERE),
        RemovedEntry("team/app", Disposition.DELETE, Location("iac.yaml", 13)),
    )
    held = state(outputs={"out/app.env": record_of()}, tombstones=graves)
    change = only(plan(project(removed=removed), held))
    assert ("app", "An app", Location("iac.yaml", 13)) == (change.client_id, change.client_name, change.location)


def test_an_output_of_an_adopted_client_without_known_secret_stays_blocked() -> None:
    held = state({APP.address: applied(APP, **UNKNOWN)})
    assert plan(project(APP, outputs=(output(),)), held, actual(registered(APP, facts=NEW), facts=NEW)).is_empty


# targets, counts and what is said


def test_a_file_that_was_moved_without_saying_so_is_refused_with_the_entry_to_write() -> None:
    client = desired("new/place", client_id="app")
    found = plan(project(client), state({"old/place": applied(client)}), actual(registered(client)))
    assert ["moved-unsaid", "missing-definition"] == guards(found)
    assert "moved: [{from: old/place, to: new/place}]" in found.guards[0].details["setting"]


def replaced(client: Any = APP, old: str = "old") -> Any:
    """The state of a client, beside which one that it has taken the place of is still registered."""
    return replace(applied(client), predecessors=(Predecessor(replace(applied(client), client_id=old), grace=3600),))


@every(
    "client, since, outputs, ends",
    [
        (APP, "2026-01-01T00:00:00Z", (), ("team/app",)),
        (APP, "", (), ()),  # it waits for its outputs
        (APP, NOW, (), ()),  # its grace time is not over
        (desired(client_name="Another name"), "2026-01-01T00:00:00Z", (), ()),
        (desired(secret_serial=2), "2026-01-01T00:00:00Z", (), ()),
        (APP, "2026-01-01T00:00:00Z", (output("out/new.env"),), ()),
    ],
)
def test_an_address_where_only_a_grace_time_is_over_is_known(
    client: Any, since: str, outputs: tuple[Any, ...], ends: tuple[str, ...]
) -> None:
    stored = applied(APP)
    old = Predecessor(replace(stored, client_id="old"), grace=3600, since=since)
    held = state({APP.address: replace(stored, predecessors=(old,))})
    seen = actual(registered(APP, facts=NEW), registered(desired(client_id="old"), facts=NEW), facts=NEW)
    options = replace(OPTIONS, now=datetime.fromisoformat(NOW))
    assert ends == plan(project(client, outputs=outputs), held, seen, options).grace_ends


@pytest.mark.parametrize("client_id", ["app", "old"])
def test_no_address_takes_over_the_client_of_another_nor_one_that_it_has_replaced(client_id: str) -> None:
    thief = desired("team/thief", client_id=client_id, adopt=True)
    renamed = desired(client_id="new")
    seen = actual(*(registered(desired(client_id=name)) for name in ("app", "old")))
    found = plan(project(renamed, thief), state({APP.address: replaced()}), seen)
    assert (["client-of-another-address"], "team/app") == (guards(found), found.guards[0].details["value"])
    assert ["team/app"] == [change.address for change in found.changes]


@pytest.mark.parametrize(
    ("then", "expected"), [(Disposition.FORGET, []), (Disposition.DELETE, ["client-of-another-address"])]
)
def test_a_client_that_its_address_forgets_may_be_adopted_by_another(then: Disposition, expected: list[str]) -> None:
    heir = desired("team/heir", client_id="app", adopt=True)
    removed = (RemovedEntry("team/app", then, HERE),)
    found = plan(project(heir, removed=removed), state({APP.address: applied(APP)}), actual(registered(APP)))
    assert expected == guards(found)


def test_a_file_that_was_moved_is_told_so_whether_it_adopts_or_not() -> None:
    client = desired("new/place", client_id="app", adopt=True)
    found = plan(project(client), state({"old/place": applied(client)}), actual(registered(client)))
    assert ["moved-unsaid", "missing-definition"] == guards(found)


def test_a_target_is_all_that_is_looked_at() -> None:
    other, gone = desired("team/other"), desired("team/gone")
    held = state(
        {"team/other": applied(other), "team/gone": applied(gone)},
        outputs={"out/other.env": replace(record_of(other), clients=("team/other",))},
    )
    options = replace(OPTIONS, targets=frozenset({"team/app"}))
    spec = output("out/both.env", clients=("team/app", "team/other"))
    found = plan(project(APP, other, outputs=(spec,)), held, actual(others=5), options)
    assert (["team/app"], []) == ([change.address for change in found.changes], guards(found))
    assert [OutputAction.CREATE] == [out.action for out in only(found).outputs]
    assert (0, 3) == (found.no_op, found.unmanaged)


def test_an_output_that_a_target_has_left_to_another_client_is_not_deleted() -> None:
    other = desired("team/other")
    record = OutputRecord("sha256:x", ("team/app", "team/other"))
    held = state({"team/other": applied(other)}, outputs={"out/shared.env": record})
    options = replace(OPTIONS, targets=frozenset({"team/app"}))
    spec = output("out/shared.env", clients=("team/other",))
    found = plan(project(APP, other, outputs=(spec,)), held, options=options)
    assert () == only(found).outputs


@pytest.mark.parametrize(
    ("held", "version"),
    [
        ({}, OutputAction.CREATE),
        (NO_SECRET, OutputAction.CREATE),
        (UNKNOWN, OutputAction.BLOCKED),
        (None, OutputAction.BLOCKED),
    ],
)
def test_a_client_that_is_not_looked_at_is_rendered_from_state(
    held: dict[str, Any] | None, version: OutputAction
) -> None:
    other = desired("team/other")
    options = replace(OPTIONS, targets=frozenset({"team/app"}))
    spec = output(clients=("team/app", "team/other"))
    clients = {} if held is None else {"team/other": applied(other, **held)}
    found = plan(project(APP, other, outputs=(spec,)), state(clients), options=options)
    assert [version] == [out.action for out in only(found).outputs]


def test_clients_of_others_are_counted_and_nothing_else() -> None:
    found = plan(project(APP), state({APP.address: applied(APP)}), actual(registered(APP, secret=CANARY), others=12))
    assert (12, 1) == (found.unmanaged, found.no_op)
    assert 0 == plan(project(), seen=replace(actual(registered(APP)), total=0)).unmanaged


def test_a_field_that_is_no_longer_declared_is_released_without_a_change() -> None:
    last = applied(desired(contacts=("a@x",)))
    found = updated(APP, last, contacts=["a@x"])
    assert (True, {"team/app": ("contacts",)}) == (found.is_empty, found.released)


def taken(client: DesiredClient, last: ClientState, **seen: Any) -> dict[str, tuple[Value | None, Value | None]]:
    found = plan(project(client), state({client.address: last}), actual(registered(client, secret=CANARY, **seen)))
    fields = (field for fields in found.taken_over.values() for field in fields)
    return {field.name: (field.before, field.after) for field in fields}


def test_what_definition_and_server_both_have_by_now_is_taken_over_without_a_change() -> None:
    last = applied(desired(contacts=("a@x",), client_name="Old name", scope=("openid",)))
    client = desired(contacts=("a@x", "b@x"), client_name="New name", require_auth_time=False, scope=("openid",))
    expected = {
        "client_name": ("Old name", "New name"),
        "contacts": (("a@x",), ("a@x", "b@x")),
        "require_auth_time": (None, False),
    }
    assert expected == taken(client, last)


def test_of_a_set_that_still_changes_the_members_that_both_have_are_taken_over() -> None:
    last = applied(desired(contacts=("a@x", "b@x")))
    client = desired(contacts=("a@x", "c@x", "d@x"))
    assert {"contacts": (("a@x", "b@x"), ("a@x", "c@x"))} == taken(client, last, contacts=["a@x", "c@x", "e@x"])


def test_what_only_one_of_the_two_has_is_not_taken_over() -> None:
    last = applied(desired(contacts=("a@x",)))
    assert {} == taken(desired(contacts=("a@x", "b@x")), last, contacts=["a@x"])
    assert {} == taken(desired(contacts=("a@x",)), last, contacts=["a@x", "b@x"], client_name="Theirs")


def test_owners_that_both_have_by_now_are_taken_over() -> None:
    client = desired(owners=("one", "two"))
    last = applied(replace(client, owners=("one",)))
    seen = registered(client, secret=CANARY, owners=("one", "two"))
    (found,) = plan(project(client), state({client.address: last}), actual(seen)).taken_over.values()
    assert [("owners", ("one",), ("one", "two"))] == [(one.name, one.before, one.after) for one in found]
    kept = replace(seen, owners=("one",))
    assert {} == plan(project(client), state({client.address: last}), actual(kept)).taken_over


@pytest.mark.parametrize(("limit", "refused"), [(0, True), (1, False), (None, False)])
def test_too_many_deletes_or_updates_are_refused(limit: int | None, *, refused: bool) -> None:
    deletes = leaving(Disposition.DELETE, wanted={"limits": ChangeLimits(max_deletes=limit)})
    assert (["max-deletes"] if refused else []) == guards(deletes)
    client = desired(client_name="New name")
    held = state({client.address: applied(client)})
    wanted = project(client, limits=ChangeLimits(max_updates=limit))
    updates = plan(wanted, held, actual(registered(client, secret=CANARY, client_name="Theirs")))
    assert (["max-updates"] if refused else []) == guards(updates)


def test_changes_are_sorted_by_address() -> None:
    clients = [desired(f"team/{name}") for name in "zmab"]
    assert ["team/a", "team/b", "team/m", "team/z"] == [change.address for change in plan(project(*clients)).changes]
