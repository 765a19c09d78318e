from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from iac.core.capabilities import Capabilities
from iac.core.desired import Lifecycle
from iac.core.errors import Diagnostic, Location, Severity, StalePlan
from iac.core.plan.change import (
    Action,
    Cause,
    Change,
    FieldChange,
    OutputAction,
    OutputChange,
    PredecessorChange,
    Recipients,
    SecretChange,
)
from iac.core.plan.guards import guard
from iac.core.plan.plan import PendingWrite, Plan, StandingPredecessor
from tests.core.build import ISSUER, NOW, desired, registered
from tests.every import every

WANTED = desired(owners=("u2", "u1"))
OUTPUT = OutputChange("out/app.env", "file", OutputAction.UPDATE, "sha256:template", "sha256:content")
FINDING = Diagnostic("redirect-uri-refused", "some servers refuse it", severity=Severity.WARNING)
CHANGE = Change(
    address="team/app",
    client_id="app",
    client_name="An app",
    action=Action.UPDATE,
    reason="",
    location=Location("clients.d/team/app.yaml", 1),
    fields=(FieldChange("scope", ("a",), ("b",), Cause.DEFINITION, ("b",), ("a",)),),
    secret=SecretChange.KEPT,
    outputs=(OUTPUT,),
    findings=(FINDING,),
    desired=WANTED,
    observed=registered(WANTED, owners=("u1",)),
)
PLAN = Plan(
    "rucio", "default", ISSUER, Capabilities(provider="iam-admin"), (CHANGE, replace(CHANGE, address="team/other"))
)


def test_a_change_without_a_definition_has_nothing_to_send() -> None:
    with pytest.raises(StalePlan):
        _ = replace(CHANGE, desired=None).sent_fields


@every(
    "other",
    [
        {"findings": ()},
        {"location": Location("clients.d/elsewhere.yaml", 7)},
        {"location": None},
        {"reason": "told otherwise"},
        {"client_name": "Other name"},
        {"fields": ()},
    ],
)
def test_the_digest_of_a_change_does_not_depend_on_how_it_is_told(other: dict[str, Any]) -> None:
    assert CHANGE.digest == replace(CHANGE, **other).digest


@every(
    "other",
    [
        {"address": "team/other"},
        {"client_id": "other"},
        {"action": Action.ADOPT},
        {"secret": SecretChange.ROTATED},
        {"outputs": ()},
        {"outputs": (replace(OUTPUT, template="sha256:other"),)},
        {"outputs": (replace(OUTPUT, sink="other"),)},
        {"outputs": (replace(OUTPUT, path="out/other.env"),)},
        {"desired": desired(owners=("u1", "u2"), client_name="Other")},
        {"desired": desired(owners=("u1",))},
        {"desired": desired(owners=("u1", "u2"), contacts=None)},
        {"desired": replace(WANTED, secret_serial=2)},
        {"desired": replace(WANTED, lifecycle=Lifecycle(prevent_destroy=True))},
        {"desired": None},
        {"observed": None},
        {"observed": registered(WANTED, owners=("u1", "u3"))},
        {"observed": registered(WANTED, owners=("u1",), client_name="Theirs")},
    ],
)
def test_the_digest_of_a_change_depends_on_what_is_wanted_seen_and_done(other: dict[str, Any]) -> None:
    assert CHANGE.digest != replace(CHANGE, **other).digest


def test_fields_that_nobody_manages_do_not_enter_the_digest() -> None:
    moved = registered(WANTED, owners=("u1",), client_uri="https://theirs.example.org/")
    assert CHANGE.digest == replace(CHANGE, observed=moved).digest


def test_a_client_that_leaves_is_approved_as_it_is() -> None:
    leaving = replace(CHANGE, action=Action.DELETE, desired=None)
    changed = registered(WANTED, owners=("u1",), client_uri="https://theirs.example.org/")
    assert leaving.digest != replace(leaving, observed=changed).digest


def test_a_create_that_is_resumed_has_the_digest_that_was_approved() -> None:
    created = replace(CHANGE, action=Action.CREATE, observed=None, secret=SecretChange.CREATED)
    resumed = replace(created, action=Action.ADOPT, observed=CHANGE.observed, resumes=True)
    assert created.digest == resumed.digest


def test_only_fields_of_the_registration_are_written_by_a_put() -> None:
    owners = FieldChange("owners", None, ("u1",), Cause.DEFINITION, ("u1",))
    assert CHANGE.writes_fields
    assert not replace(CHANGE, fields=(owners,)).writes_fields
    assert not replace(CHANGE, fields=()).writes_fields


def test_digests_are_those_of_version_0_1() -> None:
    """What was approved under it stays approved: these are written by commit fef7ea2."""
    named = replace(CHANGE, desired=replace(WANTED, recipients=("age1a",)))
    old = registered(desired(client_id="old"))
    replaced = replace(CHANGE, action=Action.REPLACE, observed=None, leaving=(PredecessorChange("old", old, 60),))
    assert [
        "sha256:2ca5c93b9f4bfec701ac25552a25ec727cc3283cda9a33d2131beb40aab8df2f",
        "sha256:a78749f218bd1ac4debec2c646486f3715db1b0139ce0f86bc74760ae324f973",
        "sha256:c2d514eac0843dc6b2c32dd4e601037bb6ceb9b1708919591678a5203cedebd2",
    ] == [CHANGE.digest, named.digest, replaced.digest]
    assert "sha256:2b11bd7e343ed7ebb34a606f392d217fa82a5710a88d8904277bdce244d6d412" == PLAN.digest


def test_the_digest_does_not_depend_on_recipients_that_no_definition_names() -> None:
    who = Recipients(("age1a",), ("age1b",), ("age1b",), ("age1a",))
    assert CHANGE.digest == replace(CHANGE, recipients=who).digest
    assert PLAN.digest == replace(PLAN, recipients={"team/b": who}).digest


def test_a_change_as_json_has_the_members_of_the_contract() -> None:
    expected = {
        "address": "team/app",
        "client_id": "app",
        "client_name": "An app",
        "action": "update",
        "reason": "",
        "digest": CHANGE.digest,
        "location": {"file": "clients.d/team/app.yaml", "line": 1, "column": 1},
        "fields": [
            {
                "name": "scope",
                "before": ["a"],
                "after": ["b"],
                "cause": "definition",
                "added": ["b"],
                "removed": ["a"],
            }
        ],
        "secret": "kept",
        "recipients": None,
        "outputs": [{"path": "out/app.env", "sink": "file", "action": "update", "recipients": []}],
        "findings": [
            {
                "id": "redirect-uri-refused",
                "severity": "warning",
                "message": "some servers refuse it",
                "summary": "some servers refuse it",
                "where": "",
                "why": "",
                "fix": "",
                "location": None,
            }
        ],
    }
    assert expected == CHANGE.to_dict()
    assert replace(CHANGE, location=None).to_dict()["location"] is None


def test_the_digest_of_a_plan_does_not_depend_on_order_counts_findings_or_locations() -> None:
    told = replace(
        PLAN,
        changes=tuple(replace(change, location=None, findings=()) for change in reversed(PLAN.changes)),
        no_op=7,
        unmanaged=9,
        findings=(FINDING,),
        guards=(guard("max-deletes", "too many", ()),),
        project="other",
    )
    assert PLAN.digest == told.digest


@pytest.mark.parametrize(
    "other",
    [
        {"issuer": "https://elsewhere.example.org/"},
        {"environment": "dev"},
        {"changes": PLAN.changes[:1]},
        {"changes": ()},
    ],
)
def test_the_digest_of_a_plan_depends_on_server_environment_and_changes(other: dict[str, Any]) -> None:
    assert PLAN.digest != replace(PLAN, **other).digest


def test_a_plan_as_json_counts_names_and_refuses() -> None:
    plan = replace(
        PLAN,
        no_op=1,
        unmanaged=2,
        guards=(
            replace(
                guard("max-deletes", "too many", ("a",), limit="3", value="4", setting="a setting", flag="--flag"),
                why="because",
                location=Location("clients.d/a.yaml", 3, 5),
            ),
        ),
        findings=(FINDING,),
        released={"team/app": ("contacts",)},
        taken_over={"team/b": (FieldChange.of("contacts", None, ("b@x",), Cause.SERVER),)},
        pending=(PendingWrite("team/app", "app", "create", NOW),),
        predecessors=(
            StandingPredecessor("team/app", "app", "app.r2", NOW, is_due=False),
            StandingPredecessor("team/b", "b", "c", "", is_due=False),
        ),
        moved=(("team/old", "team/app"),),
        recipients={"team/b": Recipients(("age1a",), ("age1b",), ("age1b",), ("age1a",))},
    )
    found = plan.to_dict()
    expected: dict[str, Any] = {
        "format_version": "1.1",
        "digest": plan.digest,
        "project": "rucio",
        "environment": "default",
        "issuer": ISSUER,
        "provider": "iam-admin",
        "complete": True,
        "summary": {
            "create": 0,
            "adopt": 0,
            "update": 2,
            "replace": 0,
            "rotate": 0,
            "delete": 0,
            "forget": 0,
            "no_op": 1,
            "unmanaged": 2,
        },
        "changes": [change.to_dict() for change in plan.changes],
        "guards": [
            {
                "id": "max-deletes",
                "severity": "error",
                "message": "a: too many",
                "summary": "too many",
                "where": "a",
                "why": "because",
                "fix": "a setting, or --flag",
                "addresses": ["a"],
                "limit": "3",
                "value": "4",
                "setting": "a setting",
                "flag": "--flag",
                "location": {"file": "clients.d/a.yaml", "line": 3, "column": 5},
            }
        ],
        "findings": [{"message": FINDING.summary, **FINDING.to_dict()}],
        "released": [{"address": "team/app", "fields": ["contacts"]}],
        "taken_over": [
            {
                "address": "team/b",
                "fields": [
                    {
                        "name": "contacts",
                        "before": None,
                        "after": ["b@x"],
                        "cause": "server",
                        "added": ["b@x"],
                        "removed": [],
                    }
                ],
            }
        ],
        "pending": [{"address": "team/app", "client_id": "app", "action": "create", "at": NOW}],
        "predecessors": [
            {"address": "team/app", "client_id": "app", "successor": "app.r2", "until": NOW, "due": False},
            {"address": "team/b", "client_id": "b", "successor": "c", "until": None, "due": False},
        ],
        "moved": [{"from": "team/old", "to": "team/app"}],
        "recipients": [
            {
                "address": "team/b",
                "before": ["age1a"],
                "after": ["age1b"],
                "added": ["age1b"],
                "removed": ["age1a"],
                "sealed": False,
            }
        ],
    }
    assert expected == found
    assert list(expected["summary"]) == list(found["summary"])


def test_a_plan_without_changes_is_empty() -> None:
    assert replace(PLAN, changes=()).is_empty
    assert not PLAN.is_empty
