from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.apply.outcome import Delivered, Done, Failed, NotDelivered, NotTried, Report, StopRequest
from iac.apply.request import check_same
from iac.apply.run import execute, intend
from iac.core.errors import IacError, RenderError, ServerError, StalePlan, StateError, UnreachableError
from iac.core.plan.change import Action, Change, OutputAction, OutputChange, SecretStep
from iac.session.ledger import Ledger
from tests.core.build import desired, registered
from tests.fakes.provider import refused, unreachable
from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Callable


def change(name: str, action: Action = Action.CREATE, **more: Any) -> Change:
    return Change(f"team/{name}", name, name, action, "", None, **more)


def run(do: Callable[[Change], None], *changes: Change, parallelism: int = 1) -> list[str]:
    return [type(outcome).__name__ for outcome in execute(changes, do, parallelism, StopRequest())]


def test_the_third_of_ten_fails_nine_are_done_and_the_next_plan_is_exactly_the_rest() -> None:
    world = World("1.14")
    clients = [desired(f"team/app-{number}") for number in range(10)]
    world.provider.script("create", *[lambda send: send()] * 2, refused)
    report = world.apply(*clients)
    assert (9, 1, 0) == tuple(len(report.of(kind)) for kind in (Done, Failed, NotTried))
    assert not report.is_complete
    assert ["team/app-2"] == [entry["address"] for entry in report.to_dict()["failed"]]
    assert ["team/app-2"] == [rest.address for rest in world.plan(*clients).changes]
    assert world.apply(*clients).is_complete
    assert world.plan(*clients).is_empty


def test_a_rest_of_an_approved_plan_has_the_digests_that_were_approved() -> None:
    world = World("1.14")
    clients = [desired(f"team/app-{number}") for number in range(3)]
    world.provider.script("create", refused)
    world.apply(*clients)
    approval = world.backend.load().approval
    assert approval is not None
    assert {rest.digest for rest in world.plan(*clients).changes} < set(approval.changes)


def test_an_unreachable_server_ends_the_run_and_the_rest_is_not_tried() -> None:
    world = World("1.14")
    clients = [desired(f"team/app-{number}") for number in range(3)]
    world.provider.script("create", lambda send: send(), unreachable)
    report = world.apply(*clients)
    assert [Done, Failed, NotTried] == [type(outcome) for outcome in report.outcomes]
    assert ["the server cannot be reached"] == [entry["reason"] for entry in report.to_dict()["not_tried"]]
    assert ["team/app-1", "team/app-2"] == [rest.address for rest in world.plan(*clients).changes]


def test_changes_are_done_in_phases_creates_first_and_deletes_last() -> None:
    seen: list[str] = []
    order = [Action.DELETE, Action.ROTATE, Action.UPDATE, Action.ADOPT, Action.CREATE, Action.FORGET, Action.REPLACE]
    changes = [change(action, action) for action in order]
    run(lambda it: seen.append(it.action), *changes)
    assert ["adopt", "create", "replace", "update", "rotate", "delete", "forget"] == seen


def test_outcomes_come_in_the_order_of_the_plan() -> None:
    changes = [change("z", Action.DELETE), change("a", Action.CREATE)]
    found = execute(changes, lambda _: None, 4, StopRequest())
    assert changes == [outcome.change for outcome in found]


def test_a_refusal_of_one_change_holds_no_other_up() -> None:
    def do(it: Change) -> None:
        if it.client_id == "a":
            raise ServerError("no")

    assert ["Failed", "Done"] == run(do, change("a"), change("b"))


@pytest.mark.parametrize("error", [StateError("full disk"), UnreachableError("gone")])
def test_a_state_that_cannot_be_written_or_a_server_that_is_gone_ends_the_run(error: IacError) -> None:
    def do(_: Change) -> None:
        raise error

    outcomes = execute([change("a"), change("b"), change("c", Action.DELETE)], do, 1, StopRequest())
    assert [Failed, NotTried, NotTried] == [type(outcome) for outcome in outcomes]
    assert {error.summary} == {outcome.reason for outcome in outcomes if isinstance(outcome, NotTried)}


def test_a_fault_of_our_own_ends_the_run_without_a_traceback_or_its_message() -> None:
    def do(_: Change) -> None:
        raise ZeroDivisionError("canary")

    first, second = execute([change("a"), change("b")], do, 1, StopRequest())
    assert isinstance(first, Failed)
    assert ["a fault in iac itself: team/a", "ZeroDivisionError"] == first.error.lines()
    assert isinstance(second, NotTried)


def test_a_run_that_is_asked_to_stop_finishes_what_is_in_flight_and_starts_nothing() -> None:
    stop = StopRequest()
    started = threading.Event()

    def do(_: Change) -> None:
        started.set()
        stop.ask("interrupted")
        stop.ask("another reason")

    first, second = execute([change("a"), change("b")], do, 1, stop)
    assert started.is_set()
    assert isinstance(first, Done)
    assert isinstance(second, NotTried)
    assert "interrupted" == second.reason


def test_changes_of_a_phase_run_side_by_side_up_to_the_limit() -> None:
    meet = threading.Barrier(4, timeout=10)
    assert ["Done"] * 4 == run(lambda _: (meet.wait(), None)[1], *map(change, "abcd"), parallelism=4)


def test_a_project_is_applied_side_by_side() -> None:
    world = World("1.14")
    world.parallelism = 8
    clients = [desired(f"team/app-{number}") for number in range(40)]
    assert world.apply(*clients).is_complete
    assert world.plan(*clients).is_empty
    assert all(world.logs_in(client.address) for client in clients)


def test_creates_and_new_secrets_get_an_intent_and_a_secret_where_one_is_sent() -> None:
    world = World("1.14")
    ledger = Ledger(world.backend, world.vault, world.clock, world.backend.load())
    changes = [
        change("a", step=SecretStep.CHOOSE),
        change("b"),
        change("c", Action.UPDATE),
        change("d", Action.UPDATE, step=SecretStep.CHOOSE),
        change("e", Action.UPDATE, step=SecretStep.ROTATE),
    ]
    intend(ledger, changes, {})
    found = {address: (one.action, one.secret is not None) for address, one in ledger.state.intents.items()}
    assert {
        "team/a": ("create", True),
        "team/b": ("create", False),
        "team/d": ("update", True),
        "team/e": ("rotate", False),
    } == found
    assert (True, False) == (ledger.is_known("team/a"), ledger.is_known("team/b"))


def test_a_secret_of_an_earlier_run_is_opened_by_the_vault() -> None:
    world = World("1.14")
    world.apply(desired())
    held = world.sealed()
    ledger = Ledger(world.backend, world.vault, world.clock, world.backend.load())
    assert world.secret() == ledger.open("team/app", held).reveal()
    world.vault.has_key = False
    with pytest.raises(StateError):
        ledger.open("team/app", held)


def test_a_change_that_saw_nothing_overwrites_nothing() -> None:
    with pytest.raises(StalePlan):
        check_same("team/app", None, registered(desired()))


def test_a_report_as_json_says_what_was_done_delivered_and_why_not() -> None:
    written = OutputChange("out/a.env", "file", OutputAction.CREATE)
    report = Report(
        "sha256:x",
        (
            Done(change("a")),
            Failed(change("b"), ServerError("no", where="team/b", fix="ask")),
            NotTried(change("c"), "interrupted"),
        ),
        (Delivered(written, is_changed=True), NotDelivered(written, RenderError("disk full"))),
        is_interrupted=True,
    )
    named = {name: {"address": f"team/{name}", "client_id": name, "action": "create"} for name in "abc"}
    output = {"path": "out/a.env", "sink": "file", "action": "create"}
    refused = {"summary": "no", "where": "team/b", "why": "", "fix": "ask"}
    full = {"summary": "disk full", "where": "", "why": "", "fix": ""}
    expected = {
        "format_version": "1.0",
        "digest": "sha256:x",
        "complete": False,
        "interrupted": True,
        "done": [named["a"]],
        "failed": [{**named["b"], "error": ["no: team/b", "fix: ask"], "problem": refused}],
        "not_tried": [{**named["c"], "reason": "interrupted"}],
        "outputs": [{**output, "written": True}, {**output, "written": False, "error": ["disk full"], "problem": full}],
        "revocations": [],
        "verification": None,
        "findings": [],
        "state": {"written": True, "error": []},
    }
    assert expected == report.to_dict()
    unsaved = replace(report, unsaved=StateError("disk full", fix="make room"))
    problem = {**full, "fix": "make room"}
    wanted = {"written": False, "error": ["disk full", "fix: make room"], "problem": problem}
    assert wanted == unsaved.to_dict()["state"]


@pytest.mark.parametrize(
    ("outcomes", "outputs", "complete"),
    [
        ((), (), True),
        ((Done(change("a")),), (), True),
        ((NotTried(change("a"), "x"),), (), False),
        ((), (NotDelivered(OutputChange("o", "file", OutputAction.CREATE), RenderError("x")),), False),
    ],
)
def test_a_report_is_complete_when_all_is_done_and_delivered(outcomes: Any, outputs: Any, *, complete: bool) -> None:
    assert complete == Report("sha256:x", outcomes, outputs).is_complete
    assert not Report("sha256:x", outcomes, outputs, unsaved=StateError("disk full")).is_complete
