"""What a server makes of fields that a definition does not name, and what it adds to those that it names."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from iac.core.desired import DesiredClient, Lifecycle, Rotation
from iac.core.drift import find_drift
from iac.core.model import ALWAYS, DEFAULTED, Actual, Facts, Registration, UnreadReason
from iac.core.plan.change import CLIENT_ID, Action
from iac.core.plan.diff import fate
from iac.core.plan.identity import set_apart
from iac.core.state.model import ClientState, SecretStatus
from iac.registry import capabilities
from tests.core.build import OPTIONS, applied, desired, intent, plan, project, state
from tests.every import every

API = capabilities("rfc7591")
FACTS = Facts(shows_secrets=False, has_up_scoping=False, api=API)
NAMED = {"client_name", "redirect_uris"}
ID = "chosen"


def definition(*named: str, **fields: Any) -> DesiredClient:
    """A definition that names these fields alone."""
    client = desired(client_id="", **fields)
    names = frozenset({*NAMED, *named})
    return replace(client, declared=names, implied=ALWAYS - DEFAULTED - names)


def stored(client: DesiredClient, **more: Any) -> ClientState:
    values = {"grant_types": ("authorization_code",), "response_types": ("code",), **more.pop("applied", {})}
    return applied(
        client, client_id=ID, provider="rfc7591", declared=client.declared, **more,
        applied={**client.fields, **values},
    )  # fmt: skip


def there(client: DesiredClient, **fields: Any) -> Actual:
    members = {**client.fields, "response_types": ("code",), **fields}
    return Actual(FACTS, {ID: Registration(ID, {name: value for name, value in members.items() if value})}, 1)


def test_nothing_is_sent_that_is_not_declared() -> None:
    (change,) = plan(project(definition(), api=API), state(), Actual(FACTS, {}, 0)).changes
    assert (Action.CREATE, NAMED, NAMED) == (change.action, set(change.sent_fields), set(change.sent_names))


def test_what_the_server_chose_is_held_from_then_on() -> None:
    client = definition()
    last = state({"team/app": stored(client)})
    assert plan(project(client, api=API), last, there(client)).is_empty
    more = there(client, grant_types=("authorization_code", "password"))
    (change,) = plan(project(client, api=API), last, more).changes
    assert [("grant_types", ("password",), "server")] == [(f.name, f.removed, f.cause) for f in change.fields]
    assert ["grant_types"] == [f.name for f in find_drift(project(client, api=API), last, more).clients[0].fields]


def test_response_types_of_other_grants_are_not_remembered() -> None:
    before = definition("grant_types")
    client = definition("grant_types", grant_types=("client_credentials",))
    (change,) = plan(project(client, api=API), state({"team/app": stored(before)}), there(before)).changes
    assert ["grant_types"] == [field.name for field in change.fields]


def test_what_the_server_adds_is_no_difference_and_what_others_add_is_one() -> None:
    client = definition("grant_types")
    last = state({"team/app": stored(client, additions={"grant_types": ("refresh_token",)})})
    adding = there(client, grant_types=("authorization_code", "refresh_token"))
    assert plan(project(client, api=API), last, adding).is_empty
    assert plan(project(client, api=API), last, there(client)).is_empty
    others = there(client, grant_types=("authorization_code", "password", "refresh_token"))
    (change,) = plan(project(client, api=API), last, others).changes
    assert [("grant_types", ("password",))] == [(field.name, field.removed) for field in change.fields]
    declaring = definition("grant_types", grant_types=("authorization_code", "refresh_token"))
    assert plan(project(declaring, api=API), last, adding).is_empty
    gone = plan(project(definition(), api=API), replace(last, clients={"team/old": stored(client)}), adding)
    assert ["missing-definition"] == [guard.id for guard in gone.guards if guard.where == "team/old"]


def test_a_list_that_is_all_additions_is_empty() -> None:
    seen = Registration(ID, {"scope": ("openid",), "require_auth_time": False}, additions={"scope": ("email",)})
    apart = set_apart(seen, {"scope": ("openid",), "contacts": ("a@example.org",)}, {})
    assert ({"require_auth_time": False}, {"scope": ("email", "openid")}) == (apart.fields, apart.additions)


def test_a_field_that_is_no_longer_named_is_released() -> None:
    before = definition("grant_types")
    client = definition()
    found = plan(project(client, api=API), state({"team/app": stored(before)}), there(before))
    assert (True, [("grant_types",)]) == (found.is_empty, [*found.released.values()])


@every(
    "name, sent, answered, words",
    [
        ("scope", ("a", "b"), ("b",), "dropped: a"),
        ("scope", ("a",), ("a", "b"), "still there: b"),
        ("client_uri", "https://a", None, "dropped: https://a"),
        ("client_uri", "https://a", "https://b", "sent https://a, answered https://b"),
        ("client_uri", None, "https://b", "sent nothing, answered https://b"),
        ("jwk", "{}", None, ""),
    ],
)
def test_what_became_of_a_value_is_told(name: str, sent: Any, answered: Any, words: str) -> None:
    assert words == fate(name, sent, answered)


REPLACING = replace(definition(), lifecycle=Lifecycle(rotation=Rotation.REPLACE))
ROTATING = replace(OPTIONS, rotate=frozenset({"team/app"}))


def test_a_client_in_the_place_of_one_has_no_id_yet() -> None:
    (change,) = plan(
        project(REPLACING, api=API), state({"team/app": stored(REPLACING)}), there(REPLACING), ROTATING
    ).changes
    renamed = next(field for field in change.fields if field.name == CLIENT_ID)
    assert (Action.ROTATE, "", ID, None) == (change.action, change.client_id, renamed.before, renamed.after)
    assert [ID] == [old.client_id for old in change.leaving]
    assert change.creates
    assert "another client is registered" in change.reason


def test_the_next_one_follows_the_one_that_the_server_has_chosen() -> None:
    held = stored(REPLACING, generation=2)
    (change,) = plan(project(REPLACING, api=API), state({"team/app": held}), there(REPLACING), ROTATING).changes
    assert 3 == change.definition.generation


def test_what_keeps_another_client_from_the_place_of_one() -> None:
    last = state({"team/app": stored(REPLACING)})
    named = replace(REPLACING, client_id=ID)
    assert ["client-id-changed"] == [g.id for g in plan(project(named, api=API), last, there(named), ROTATING).guards]
    unread = Actual(FACTS, {}, 0, {ID: UnreadReason.NO_ADDRESS})
    assert ["create-only"] == [g.id for g in plan(project(REPLACING, api=API), last, unread, ROTATING).guards]
    lost = replace(last, intents={"team/app": intent(replace(REPLACING, client_id=""))})
    assert ["lost-create"] == [g.id for g in plan(project(REPLACING, api=API), lost, there(REPLACING)).guards]
    again = replace(OPTIONS, recreate=frozenset({"team/app"}))
    assert [] == list(plan(project(REPLACING, api=API), lost, there(REPLACING), again).guards)


def test_a_client_without_a_secret_that_anybody_knows_is_named() -> None:
    client = definition()
    bare = stored(client, secret=None, secret_status=SecretStatus.UNKNOWN)
    found = plan(project(client, api=API), state({"team/app": bare}), there(client))
    assert (True, ["secret-unknown"]) == (found.is_empty, [finding.id for finding in found.findings])
    public = definition("token_endpoint_auth_method", token_endpoint_auth_method="none")
    none = stored(public, secret=None, secret_status=SecretStatus.NONE)
    changed = plan(
        project(client, api=API), state({"team/app": none}), there(public, token_endpoint_auth_method="none")
    )
    assert [] == list(changed.findings)
    secret = definition("token_endpoint_auth_method")
    changed = plan(
        project(secret, api=API), state({"team/app": none}), there(public, token_endpoint_auth_method="none")
    )
    assert ["secret-not-made"] == [finding.id for finding in changed.findings]


def test_a_list_that_is_newly_declared_and_not_there_is_taken_over_from_nobody() -> None:
    before, client = definition(), definition("contacts", contacts=("ops@example.org",))
    found = plan(project(client, api=API), state({"team/app": stored(before)}), there(before))
    assert (["contacts"], {}) == ([field.name for field in found.changes[0].fields], found.taken_over)
