"""What an approval that state notes covers: it has to prove itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.plan.approval import approve, uncovered
from iac.core.plan.change import Action, Cause, Change, FieldChange, PredecessorChange, SecretChange, SecretStep
from iac.core.plan.plan import Plan
from tests.core.build import ISSUER, NOW, desired, registered

APP = desired()
OLD = registered(desired(client_id="old"))
CHANGE = Change(
    address="team/app",
    client_id="app",
    client_name="An app",
    action=Action.UPDATE,
    reason="",
    location=None,
    fields=(FieldChange("client_uri", None, "https://app.example.org/", Cause.DEFINITION),),
    secret=SecretChange.KEPT,
    desired=APP,
    observed=registered(APP, client_name="Before"),
)
OTHER = replace(CHANGE, address="team/other")
TAKEN = replace(CHANGE, action=Action.REPLACE, succeeds="old", leaving=(PredecessorChange("old", OLD),))
"""A registered client takes the place of another one."""

LEFT = replace(TAKEN, fields=(), observed=registered(APP), resumes=True, succeeds="")
"""What is left of that when the old client could not be deleted."""


def plan(*changes: Change) -> Plan:
    return Plan("rucio", "default", ISSUER, Capabilities(provider="iam-admin"), changes)


APPROVED = approve(plan(CHANGE, OTHER), NOW)


def test_a_plan_and_each_part_of_it_are_covered() -> None:
    assert () == tuple(uncovered(plan(CHANGE, OTHER), APPROVED))
    assert () == tuple(uncovered(plan(OTHER), APPROVED))
    assert () == tuple(uncovered(plan(), APPROVED))


def test_a_change_that_was_not_in_the_plan_is_not_covered() -> None:
    new = replace(CHANGE, address="team/new")
    assert (new,) == tuple(uncovered(plan(OTHER, new), APPROVED))


@pytest.mark.parametrize(
    "forged",
    [
        {"changes": (*APPROVED.changes, replace(CHANGE, address="team/new").digest)},
        {"changes": APPROVED.changes[:1]},
        {"changes": ()},
        {"digest": "sha256:" + "0" * 64},
    ],
    ids=["one more", "one less", "none", "another digest"],
)
def test_an_approval_whose_list_does_not_hash_to_its_digest_covers_nothing(forged: dict[str, Any]) -> None:
    assert (CHANGE,) == tuple(uncovered(plan(CHANGE), replace(APPROVED, **forged)))


def test_an_approval_of_another_environment_covers_nothing() -> None:
    elsewhere = replace(plan(CHANGE), environment="prod")
    assert (CHANGE,) == tuple(uncovered(elsewhere, APPROVED))


def test_a_list_in_another_order_or_with_repetitions_is_the_same_list() -> None:
    assert () == tuple(
        uncovered(plan(CHANGE), replace(APPROVED, changes=(*reversed(APPROVED.changes), *APPROVED.changes)))
    )


def test_what_a_succession_leaves_follows_from_what_was_approved() -> None:
    approval = approve(plan(TAKEN), NOW)
    assert TAKEN.digest != LEFT.digest
    assert () == tuple(uncovered(plan(LEFT), approval))


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "another"},
        {"leaving": (PredecessorChange("stranger", OLD),)},
        {"desired": desired(client_uri="https://evil.example.org/")},
        {"action": Action.ROTATE},
    ],
)
def test_what_does_not_follow_from_it_is_not_covered(other: dict[str, Any]) -> None:
    left = replace(LEFT, **other)
    assert (left,) == tuple(uncovered(plan(left), approve(plan(TAKEN), NOW)))


@pytest.mark.parametrize("text", ["{}", "null", "[", "[" * 100_000, '{"fields": {}, "owners": null}'])
def test_what_was_seen_is_not_believed_either(text: str) -> None:
    approval = replace(approve(plan(TAKEN), NOW), seen={"team/app": text})
    assert (LEFT,) == tuple(uncovered(plan(LEFT), approval))
    assert (LEFT,) == tuple(uncovered(plan(LEFT), replace(approval, seen={})))


def test_the_digest_of_what_is_left_listed_beside_the_others_covers_nothing() -> None:
    """So did version 0.1 list it; whoever can write state could list any."""
    approval = approve(plan(TAKEN), NOW)
    assert (LEFT,) == tuple(uncovered(plan(LEFT), replace(approval, changes=(*approval.changes, LEFT.digest))))


def test_a_succession_that_would_write_something_else_by_now_is_not_left_of_it() -> None:
    drifted = replace(TAKEN, observed=registered(APP, client_name="By somebody else"))
    assert (drifted,) == tuple(uncovered(plan(drifted), approve(plan(TAKEN), NOW)))
    rotated = replace(drifted, fields=(), step=SecretStep.ROTATE)
    assert (rotated,) == tuple(uncovered(plan(rotated), approve(plan(TAKEN), NOW)))


def test_an_update_whose_fields_are_written_leaves_the_deletion_of_a_predecessor() -> None:
    update = replace(TAKEN, action=Action.UPDATE, succeeds="")
    left = replace(update, fields=(), observed=registered(APP))
    assert () == tuple(uncovered(plan(left), approve(plan(update), NOW)))


def test_a_deletion_leaves_that_of_the_predecessors_and_never_another_one() -> None:
    delete = replace(TAKEN, action=Action.DELETE, desired=None, fields=(), secret=SecretChange.ERASED, succeeds="")
    approval = approve(plan(delete), NOW)
    assert () == tuple(uncovered(plan(replace(delete, observed=None)), approval))
    drifted = replace(delete, observed=registered(APP, client_name="By somebody else"))
    assert (drifted,) == tuple(uncovered(plan(drifted), approval))
