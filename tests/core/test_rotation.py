from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iac.core.desired import Lifecycle
from iac.core.plan.draft import PlanOptions
from iac.core.rotation import DueRotation, due, duration, is_past, later, written
from iac.core.state.model import SecretStatus
from tests.core.build import NEW, NOW, OPTIONS, actual, applied, desired, plan, project, registered, state

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
