"""A saved plan: read strictly, and held against the new plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.plan.approval import differences, parse_saved_plans
from iac.core.plan.change import Action, Change, OutputAction, OutputChange, PredecessorChange, Recipients, SecretChange
from iac.core.state.codec import MalformedValue
from tests.core.build import registered
from tests.core.test_change import CHANGE, OUTPUT, PLAN, WANTED
from tests.every import every

if TYPE_CHECKING:
    from iac.core.plan.plan import Plan

WHO = Recipients(("age1ops",), ("age1new", "age1ops"), ("age1new",))
SHOWN = replace(
    PLAN,
    changes=(replace(CHANGE, recipients=WHO), *PLAN.changes[1:]),
    recipients={"team/quiet": WHO},
)


def edited(plan: Plan, *path: Any, to: Any = None) -> str:
    """The file of a plan in which one value is another; None takes its key out."""
    document = plan.to_dict()
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    if to is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = to
    return json.dumps(document)


def found(plan: Plan, text: str) -> list[tuple[str, str, str, str]]:
    (saved,) = parse_saved_plans(text).values()
    told = differences(plan, saved)
    return [(each.address, each.key, each.saved, each.now) for each in told]


def test_a_file_as_it_was_saved_is_read_and_says_what_would_be_done() -> None:
    assert [] == found(SHOWN, json.dumps(SHOWN.to_dict()))
    (saved,) = parse_saved_plans(json.dumps(SHOWN.to_dict())).values()
    assert SHOWN.digest == saved.digest


@every(
    "path, to, key",
    [
        (("client_id",), "other", "client_id"),
        (("action",), "create", "action"),
        (("secret",), "rotated", "secret"),
        (("fields", 0, "after"), ["a"], "fields.scope.after"),
        (("fields", 0, "before"), ["b"], "fields.scope.before"),
        (("fields", 0, "added"), [], "fields.scope.added"),
        (("fields", 0, "cause"), "server", "fields.scope.cause"),
        (("fields", 0, "name"), "client_name", "fields"),
        (("fields",), [], "fields"),
        (("outputs",), [], "outputs"),
        (("outputs", 0, "path"), "out/other.env", "outputs"),
        (("outputs", 0, "sink"), "vault", "outputs.out/app.env.sink"),
        (("outputs", 0, "action"), "delete", "outputs.out/app.env.action"),
        (("outputs", 0, "recipients"), ["age1x"], "outputs.out/app.env.recipients"),
        (("recipients", "after"), ["age1ops"], "recipients.after"),
        (("recipients", "added"), [], "recipients.added"),
        (("recipients", "sealed"), True, "recipients.sealed"),
    ],
)
def test_a_file_that_says_something_else_names_address_and_key(path: tuple[Any, ...], to: Any, key: str) -> None:
    (difference,) = found(SHOWN, edited(SHOWN, "changes", 0, *path, to=to))
    assert ("team/app", key) == difference[:2]
    assert difference[2] != difference[3]


def test_both_values_are_told() -> None:
    (difference,) = found(SHOWN, edited(SHOWN, "changes", 0, "fields", 0, "after", to=["a"]))
    assert ('["a"]', '["b"]') == difference[2:]


def test_a_field_that_is_none_of_the_plan_is_named_and_its_value_is_not_told() -> None:
    field = {**SHOWN.changes[0].fields[0].to_dict(), "name": "client_secret", "after": "hunter2"}
    (difference,) = found(SHOWN, edited(SHOWN, "changes", 0, "fields", 0, to=field))
    assert ('["client_secret"]', '["scope"]') == difference[2:]


def test_recipients_of_a_client_without_a_change_are_compared() -> None:
    (difference,) = found(SHOWN, edited(SHOWN, "recipients", 0, "added", to=[]))
    assert ("team/quiet", "recipients.added", "[]", '["age1new"]') == difference
    (difference,) = found(SHOWN, edited(SHOWN, "recipients", to=[]))
    assert ("team/quiet", "recipients", "null") == difference[:3]


def test_keys_that_a_file_of_format_1_0_does_not_have_do_not_count() -> None:
    document = json.loads(edited(SHOWN, "recipients"))
    document["format_version"] = "1.0"
    for change in document["changes"]:
        del change["recipients"]
        for output in change["outputs"]:
            del output["recipients"]
    assert [] == found(SHOWN, json.dumps(document))


def test_keys_of_a_later_minor_version_do_not_count() -> None:
    document = {**SHOWN.to_dict(), "format_version": "1.7", "new": 1}
    document["changes"][0]["new"] = 1
    assert [] == found(SHOWN, json.dumps(document))


def test_an_address_that_is_not_in_the_file_is_a_difference() -> None:
    """Of a rest: a whole plan cannot have another address under the digest of the file."""
    saved = json.dumps(replace(SHOWN, changes=SHOWN.changes[:1]).to_dict())
    assert [("team/other", "address", "no change of it", "update")] == found(SHOWN, saved)


@every(
    "text",
    [
        "", "[]", "null", "{}", "[" * 100_000, "1" * 5000, '{"digest": "sha256:0"}', '{"format_version": NaN}',
        json.dumps(SHOWN.to_dict())[:-40],
        edited(SHOWN, "format_version", to="2.0"),
        edited(SHOWN, "format_version", to=1.0),
        edited(SHOWN, "digest", to="sha256:" + "0" * 64),
        edited(SHOWN, "issuer", to="https://elsewhere.example.org/"),
        edited(SHOWN, "changes", 0),
        edited(SHOWN, "changes", 1, "address", to="team/app"),
        edited(SHOWN, "changes", 0, "digest", to="sha256:" + "0" * 64),
        edited(SHOWN, "changes", 0, "digest", to="nothing"),
        edited(SHOWN, "changes", 0, "client_id"),
        edited(SHOWN, "changes", 0, "action", to="destroy"),
        edited(SHOWN, "changes", 0, "secret", to="hunter2"),
        edited(SHOWN, "changes", 0, "fields", 0, "after"),
        edited(SHOWN, "changes", 0, "fields", 0, "cause", to="weather"),
        edited(SHOWN, "changes", 0, "outputs", 0, to="out/app.env"),
        edited(SHOWN, "changes", 0, "outputs", 0, "action", to="none"),
        edited(SHOWN, "recipients", 0, "address"),
        '{"digest": 1, ' + json.dumps(SHOWN.to_dict())[1:],
    ],
)  # fmt: skip
def test_what_is_no_plan_or_not_all_of_it_is_refused_and_its_values_are_not_told(text: str) -> None:
    with pytest.raises(MalformedValue) as malformed:
        parse_saved_plans(text)
    assert "hunter2" not in str(malformed.value)


def of_environments(*plans: Plan) -> str:
    return json.dumps({"format_version": "1.1", "environments": [plan.to_dict() for plan in plans]})


def test_a_file_of_several_environments_has_a_plan_for_each() -> None:
    other = replace(SHOWN, environment="prod")
    saved = parse_saved_plans(of_environments(SHOWN, other))
    assert {plan.environment: plan.digest for plan in (SHOWN, other)} == {
        name: plan.digest for name, plan in saved.items()
    }


@pytest.mark.parametrize("plans", [(), (SHOWN, SHOWN)], ids=["none", "one twice"])
def test_a_file_of_no_environment_or_of_one_twice_is_refused(plans: tuple[Plan, ...]) -> None:
    with pytest.raises(MalformedValue, match="none is there, or one is there twice"):
        parse_saved_plans(of_environments(*plans))


# what an interrupted apply leaves

CREATED = replace(
    CHANGE,
    action=Action.CREATE,
    observed=None,
    secret=SecretChange.CREATED,
    outputs=(replace(OUTPUT, action=OutputAction.CREATE),),
    recipients=Recipients(None, ("age1ops",), is_sealed=True),
)
RESUMED = replace(
    CREATED, action=Action.ADOPT, observed=registered(WANTED), fields=(), resumes=True,
    recipients=Recipients(("age1ops",), ("age1ops",)),
)  # fmt: skip


def of(change: Change) -> Plan:
    return replace(PLAN, changes=(change,))


def test_a_create_that_is_resumed_is_what_the_file_says_is_wanted() -> None:
    field = replace(CHANGE.fields[0], name="client_name", before=None, after="An app", added=(), removed=())
    created = replace(CREATED, fields=(field,))
    text = json.dumps(of(created).to_dict())
    assert of(RESUMED).digest == of(created).digest
    assert [] == found(of(RESUMED), text)
    evil = edited(of(created), "changes", 0, "fields", 0, "after", to="Another app")
    assert [("team/app", "fields.client_name.after", '"Another app"', '"An app"')] == found(of(RESUMED), evil)
    for path, to in ((("secret",), "kept"), (("action",), "update"), (("outputs",), []), (("recipients", "after"), [])):
        assert [path[0]] == [
            key.partition(".")[0]
            for _, key, _, _ in found(of(RESUMED), edited(of(created), "changes", 0, *path, to=to))
        ]


def test_what_a_succession_leaves_is_what_the_file_says_is_wanted() -> None:
    leaving = (PredecessorChange("old", registered(WANTED)),)
    begun = replace(CREATED, action=Action.REPLACE, leaving=leaving, succeeds="old", fields=())
    left = replace(begun, resumes=True, observed=registered(WANTED), secret=SecretChange.KEPT, outputs=(OUTPUT,))
    text = json.dumps(of(begun).to_dict())
    assert [] == found(of(left), text)
    assert ["outputs"] == [key for _, key, _, _ in found(of(left), edited(of(begun), "changes", 0, "outputs", to=[]))]
    fresh = edited(of(begun), "changes", 0, "secret", to="kept")
    assert ["secret"] == [key for _, key, _, _ in found(of(begun), fresh)]


def test_a_deletion_that_is_left_has_no_fields_in_the_file() -> None:
    leaving = (PredecessorChange("old", registered(WANTED)),)
    delete = replace(CHANGE, action=Action.DELETE, desired=None, fields=(), outputs=(), leaving=leaving)
    gone = replace(delete, observed=None, secret=SecretChange.NONE)
    assert [] == found(of(gone), json.dumps(of(delete).to_dict()))
    field = CHANGE.fields[0].to_dict()
    text = edited(of(delete), "changes", 0, "fields", to=[field])
    assert ["fields.scope.after"] == [key for _, key, _, _ in found(of(gone), text)]


def test_an_output_of_another_shape_is_a_difference_and_no_fault() -> None:
    output = OutputChange("out/app.env", "vault", OutputAction.UPDATE, recipients=("age1host",))
    told = edited(of(replace(CHANGE, outputs=(output,))), "changes", 0, "outputs", 0, "recipients", to={"a": [1]})
    assert ["outputs.out/app.env.recipients"] == [
        key for _, key, _, _ in found(of(replace(CHANGE, outputs=(output,))), told)
    ]
