from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from iac.core.desired import Lifecycle, Rotation
from iac.core.plan.plan import PlanOptions
from iac.core.rotation import (
    EXPIRY,
    DueRotation,
    due,
    duration,
    is_past,
    later,
    secret_end,
    with_ends,
    with_expiry,
    written,
)
from iac.core.secret import Secret
from iac.core.state.model import SecretStatus
from tests.core.build import NEW, NOW, OPTIONS, actual, applied, desired, plan, project, registered, state
from tests.every import every

DAY = 86400
APP = desired(lifecycle=Lifecycle(rotate_after=180 * DAY))
SOON = datetime(2027, 5, 22, 9, 59, 59, tzinfo=UTC)
THEN = datetime(2027, 5, 22, 10, 0, 0, tzinfo=UTC)


def test_a_secret_is_due_when_it_has_its_age_and_not_before() -> None:
    assert due(APP, applied(APP), SOON) is None
    assert DueRotation("2027-05-22T10:00:00Z", is_counted_from_taking_over=False) == due(APP, applied(APP), THEN)


def test_without_an_age_a_clock_or_a_secret_nothing_is_due() -> None:
    assert due(desired(), applied(APP), THEN) is None
    assert due(APP, applied(APP), None) is None
    public = desired(token_endpoint_auth_method="none", lifecycle=APP.lifecycle)
    assert due(public, applied(public, secret=None), THEN) is None


@pytest.mark.parametrize("adopted_at", [NOW, ""])
def test_a_secret_that_was_never_seen_is_as_old_as_what_is_known_of_its_client(adopted_at: str) -> None:
    held = applied(APP, secret=None, secret_status=SecretStatus.UNKNOWN, adopted_at=adopted_at)
    assert DueRotation("2027-05-22T10:00:00Z", is_counted_from_taking_over=True) == due(APP, held, THEN)


def test_a_secret_that_was_taken_over_says_so_and_one_that_is_newer_does_not() -> None:
    taken, renewed = (due(APP, applied(APP, adopted_at=at), THEN) for at in (NOW, "2026-11-01T10:00:00Z"))
    assert (True, False) == (
        taken and taken.is_counted_from_taking_over,
        renewed and renewed.is_counted_from_taking_over,
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(7 * DAY, "7d"), (3600 * 36, "36h"), (90, "90s"), (120, "2min"), (0, "0d")]
)
def test_a_length_of_time_is_told_in_its_largest_whole_unit(seconds: int, text: str) -> None:
    assert text == duration(seconds)


def test_times_are_written_and_compared_as_state_has_them() -> None:
    assert "2026-11-24T10:00:00Z" == later(NOW, DAY)
    assert NOW == written(datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=UTC))
    assert is_past(NOW, datetime(2026, 11, 23, 10, tzinfo=UTC))
    assert not is_past(NOW, datetime(2026, 11, 23, 9, tzinfo=UTC))


def planned(**options: object) -> tuple[list[str], list[str]]:
    """Actions and findings of a plan whose only client is as wanted, with an old secret."""
    given = PlanOptions(templates=OPTIONS.templates, **{"now": THEN, **options})  # type: ignore[arg-type]
    found = plan(project(APP), state({APP.address: applied(APP)}), actual(registered(APP, facts=NEW), facts=NEW), given)
    assert not found.guards
    return [str(change.action) for change in found.changes], [finding.summary for finding in found.findings]


def test_a_due_secret_is_a_finding_and_no_change() -> None:
    (actions, (message,)) = planned()
    assert [] == actions
    assert "the secret is due for rotation since 2027-05-22T10:00:00Z" == message
    assert ([], []) == planned(now=SOON)
    assert ([], []) == planned(targets=frozenset({"team/other"}))


def test_a_run_that_is_asked_to_rotates_what_is_due() -> None:
    assert (["rotate"], []) == planned(rotate_due=True)
    assert ([], []) == planned(rotate_due=True, now=SOON)


def test_an_age_that_counts_from_taking_over_says_so() -> None:
    held = state({APP.address: applied(APP, adopted_at=NOW)})
    found = plan(project(APP), held, actual(registered(APP, facts=NEW), facts=NEW), PlanOptions(now=THEN))
    assert "(rotate_after 180d, counted from when the client was taken over)" in f"({found.findings[0].why})"


ENDING = desired(lifecycle=Lifecycle(rotation=Rotation.REPLACE))
BEGUN = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(("days", "early"), [(90, 30), (300, 30), (3, 1)])
def test_a_secret_that_the_server_ends_is_due_before(days: int, early: int) -> None:
    end = BEGUN + timedelta(days=days)
    held = applied(ENDING, answer={EXPIRY: end.timestamp()})
    first = end - timedelta(days=early)
    assert due(ENDING, held, first - timedelta(seconds=1)) is None
    assert DueRotation(written(first), is_counted_from_taking_over=False, ends=written(end)) == due(ENDING, held, first)
    options = replace(OPTIONS, now=end)
    (finding,) = plan(
        project(ENDING), state({"team/app": held}), actual(registered(ENDING, facts=NEW), facts=NEW), options
    ).findings
    assert ("rotation-due", f"the server ends it at {written(end)}") == (finding.id, finding.why)
    assert due(desired(), applied(APP, answer=held.answer), end) is None


def test_the_first_of_both_reasons_counts() -> None:
    client = replace(ENDING, lifecycle=replace(ENDING.lifecycle, rotate_after=DAY))
    held = applied(client, answer={EXPIRY: (BEGUN + timedelta(days=900)).timestamp()})
    told = due(client, held, BEGUN + timedelta(days=800))
    assert told is not None
    assert not told.ends
    soon = replace(OPTIONS, now=BEGUN + timedelta(days=899), rotate_due=True)
    reasons = {
        plan(project(one), state({"team/app": stored}), actual(registered(one, facts=NEW), facts=NEW), soon)
        .changes[0]
        .reason.partition(":")[0]
        for one, stored in ((client, held), (ENDING, replace(held)))
    }
    assert 2 == len(reasons)


@every("told", [None, {}, {EXPIRY: 0}, {EXPIRY: True}, {EXPIRY: "soon"}, {EXPIRY: 1e30}])
def test_an_answer_may_say_no_end(told: dict[str, Any] | None) -> None:
    assert secret_end(told) is None


@pytest.mark.parametrize(
    ("answer", "before", "shows_secret", "told"),
    [
        ({"a": 1}, {EXPIRY: 5}, False, {"a": 1, EXPIRY: 5}),
        ({"a": 1}, {EXPIRY: 5}, True, {"a": 1, EXPIRY: 0}),
        ({EXPIRY: 6}, {EXPIRY: 5}, False, {EXPIRY: 6}),
        ({}, None, False, {}),
        ({"a": 1}, {"b": 1}, False, {"a": 1}),
    ],
)
def test_the_end_is_remembered_where_an_answer_does_not_show_the_secret(
    answer: dict[str, Any], before: dict[str, Any] | None, *, shows_secret: bool, told: dict[str, Any]
) -> None:
    assert told == with_expiry(answer, before, shows_secret=shows_secret)


END = BEGUN + timedelta(days=20)


@pytest.mark.parametrize(
    ("answer", "secret", "is_due"),
    [
        ({}, None, True),
        ({}, Secret("shown"), False),
        ({EXPIRY: 0}, None, False),
        ({EXPIRY: (END + timedelta(days=300)).timestamp()}, None, False),
    ],
    ids=["said once", "not said any more", "never", "later"],
)
def test_an_end_that_the_server_has_taken_back_is_not_due(
    answer: dict[str, Any], secret: Secret | None, *, is_due: bool
) -> None:
    held = state({"team/app": applied(ENDING, answer={EXPIRY: END.timestamp()})})
    seen = replace(registered(ENDING, facts=NEW), answer=answer, secret=secret)
    read = with_ends(held, actual(seen, facts=NEW))
    findings = plan(project(ENDING), held, read, replace(OPTIONS, now=END)).findings
    assert is_due == ("rotation-due" in {finding.id for finding in findings})
