from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.model import FIELDS, Facts, Kind, Registration
from iac.core.plan.change import Cause, FieldChange
from iac.core.plan.diff import compare, is_hidden, mismatches
from iac.registry import capabilities
from tests.core import strategies as our
from tests.core.build import KEY, NEW, OLD, applied, desired, ignoring, registered

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from iac.core.model import Fields, Value

OTHER_KEY = KEY.replace("one", "two")
DEFAULTS = {"access_token_validity_seconds": 3600}


@given(our.definitions(), our.facts)
def test_a_client_that_is_as_wanted_has_no_difference(client: DesiredClient, facts: Facts) -> None:
    assert () == compare(client, registered(client, facts=facts), None, facts, {})
    assert [] == mismatches(client.fields, client.declared, registered(client, facts=facts), facts, {})


def test_a_changed_text_is_before_and_after() -> None:
    client = desired(client_name="New name")
    expected = (FieldChange("client_name", "Old name", "New name", Cause.DEFINITION),)
    assert expected == compare(client, registered(client, client_name="Old name"), None, OLD, {})


def test_a_changed_set_is_what_was_added_and_removed() -> None:
    client = desired(scope=("a", "b"))
    (change,) = compare(client, registered(client, scope="b c"), None, OLD, {})
    assert (("a",), ("c",)) == (change.added, change.removed)


def test_a_set_that_appears_or_vanishes_is_all_of_its_entries() -> None:
    (appears,) = compare(desired(contacts=("a@x",)), registered(desired()), None, OLD, {})
    (vanishes,) = compare(desired(contacts=None), registered(desired(), contacts=["a@x"]), None, OLD, {})
    assert (("a@x",), ()) == (appears.added, appears.removed)
    assert ((), ("a@x",)) == (vanishes.added, vanishes.removed)
    assert vanishes.after is None


def test_fields_come_in_canonical_order_and_owners_last() -> None:
    client = desired(scope=("a",), client_name="New name", owners=("u1",))
    found = compare(client, registered(client, scope=None, client_name="Old", owners=()), None, OLD, {})
    assert ["client_name", "scope", "owners"] == [change.name for change in found]


def test_what_is_not_declared_and_what_is_ignored_is_not_compared() -> None:
    client = desired(lifecycle=ignoring("client_name"))
    assert () == compare(client, registered(client, client_name="Theirs", client_uri="https://x"), None, OLD, {})


def test_a_client_that_is_not_there_shows_every_declared_field_that_is_not_empty() -> None:
    client = desired(
        reuse_refresh_token=False, contacts=None, lifecycle=ignoring("client_name", "owners"), owners=("u1",)
    )
    found = {change.name: change.after for change in compare(client, None, None, OLD, {})}
    assert {**client.fields, "owners": ("u1",)} == found


@pytest.mark.parametrize("seen", [False, None])
def test_an_absent_flag_is_false(seen: bool | None) -> None:  # noqa: FBT001  # a value of the table
    client = desired(require_auth_time=False)
    assert () == compare(client, registered(client, require_auth_time=seen), None, OLD, {})


def test_a_lifetime_of_null_is_the_servers_default_where_it_is_known() -> None:
    client = desired(access_token_validity_seconds=None)
    own = registered(client, access_token_validity_seconds=60)
    (change,) = compare(client, own, None, OLD, DEFAULTS)
    assert (60, None) == (change.before, change.after)
    assert () == compare(client, registered(client), None, OLD, DEFAULTS)
    assert () == compare(client, own, None, OLD, {})


@pytest.mark.parametrize(
    ("before", "now", "cause"),
    [
        ("Applied", "Wanted", Cause.DEFINITION),
        ("Theirs", "Applied", Cause.SERVER),
        ("Theirs", "Wanted", Cause.BOTH),
    ],
)
def test_the_cause_is_who_changed_it_since_the_last_apply(before: str, now: str, cause: Cause) -> None:
    last = applied(desired(client_name="Applied"))
    client = desired(client_name=now)
    (change,) = compare(client, registered(client, client_name=before), last, OLD, {})
    assert cause == change.cause


def test_a_field_that_was_not_declared_before_is_the_definitions_doing() -> None:
    client = desired(contacts=("ours@x",))
    (change,) = compare(client, registered(client, contacts=["theirs@x"]), applied(desired()), OLD, {})
    assert Cause.DEFINITION == change.cause


def test_a_flag_or_lifetime_that_was_applied_as_empty_is_no_change_of_the_server() -> None:
    last = applied(desired(require_auth_time=None, access_token_validity_seconds=None))
    client = desired(require_auth_time=True, access_token_validity_seconds=60)
    seen = registered(client, require_auth_time=False, access_token_validity_seconds=3600)
    assert {Cause.DEFINITION} == {change.cause for change in compare(client, seen, last, OLD, DEFAULTS)}


def test_a_lifetime_that_was_left_to_a_server_of_unknown_defaults_is_the_definitions_doing() -> None:
    client = desired(access_token_validity_seconds=60)
    last = applied(desired(access_token_validity_seconds=None))
    (change,) = compare(client, registered(client, access_token_validity_seconds=600), last, OLD, {})
    assert Cause.DEFINITION == change.cause


def test_a_lifetime_that_somebody_set_by_hand_is_a_change_of_the_server() -> None:
    client = desired(access_token_validity_seconds=None, require_auth_time=False)
    seen = registered(client, access_token_validity_seconds=60, require_auth_time=True)
    causes = {
        change.cause
        for change in compare(
            client, seen, applied(desired(access_token_validity_seconds=None, require_auth_time=None)), OLD, DEFAULTS
        )
    }
    assert {Cause.SERVER} == causes


def test_a_hidden_jwk_is_compared_with_what_was_applied() -> None:
    client = desired(jwk=OTHER_KEY)
    hidden = registered(desired(), facts=NEW)
    assert () == compare(client, hidden, applied(client), NEW, {})
    (changed,) = compare(client, hidden, applied(desired(jwk=KEY)), NEW, {})
    assert (KEY, OTHER_KEY) == (changed.before, changed.after)
    (adopted,) = compare(client, hidden, None, NEW, {})
    assert (None, OTHER_KEY) == (adopted.before, adopted.after)


def test_a_jwk_that_is_shown_is_compared_with_the_server() -> None:
    client = desired(jwk=KEY)
    (change,) = compare(client, registered(client, jwk=OTHER_KEY), applied(client), OLD, {})
    assert Cause.SERVER == change.cause


def test_only_what_an_answer_may_hide_is_hidden() -> None:
    shown, bare = registered(desired(jwk=KEY), facts=NEW), registered(desired(), facts=NEW)
    found = [is_hidden("jwk", seen, facts) for seen, facts in ((bare, NEW), (shown, NEW), (bare, OLD), (None, NEW))]
    assert [True, False, False, False] == found
    assert not is_hidden("scope", bare, NEW)


@pytest.mark.parametrize(
    ("server", "last", "now", "cause"),
    [
        (("u1",), None, ("u2",), Cause.DEFINITION),
        (("u1",), ("u1",), ("u2",), Cause.DEFINITION),
        (("u1",), ("u2",), ("u2",), Cause.SERVER),
        (("u1",), ("u2",), ("u3",), Cause.BOTH),
    ],
)
def test_owners_are_compared_as_a_set_with_their_cause(
    server: tuple[str, ...], last: tuple[str, ...] | None, now: tuple[str, ...], cause: Cause
) -> None:
    held = None if last is None else applied(desired(), owners=last)
    (change,) = compare(desired(owners=now), registered(desired(), owners=server), held, OLD, {})
    assert FieldChange("owners", server, now, cause, now, server) == change


def test_owners_in_another_order_twice_undeclared_or_ignored_are_no_difference() -> None:
    seen = registered(desired(), owners=("u1", "u2"))
    assert () == compare(desired(owners=("u2", "u1", "u2")), seen, None, OLD, {})
    assert () == compare(desired(), seen, None, OLD, {})
    assert () == compare(desired(owners=("u3",), lifecycle=ignoring("owners")), seen, None, OLD, {})


def test_owners_that_were_not_read_are_none() -> None:
    (change,) = compare(desired(owners=("u1",)), registered(desired()), None, OLD, {})
    assert (None, ("u1",)) == (change.before, change.after)
    (last,) = compare(desired(owners=()), registered(desired(), owners=("u1",)), None, OLD, {})
    assert last.after is None


def test_an_answer_that_lacks_what_was_sent_names_the_fields() -> None:
    client = desired(scope=("a", "b"), tos_uri="https://x")
    answered = registered(client, scope="a", tos_uri=None)
    assert ["tos_uri", "scope"] == mismatches(client.fields, client.declared, answered, OLD, {})
    assert [] == mismatches(client.fields, frozenset({"client_name"}), answered, OLD, {})


def test_an_answer_that_hides_the_jwk_does_not_lack_it() -> None:
    client = desired(jwk=KEY)
    assert [] == mismatches(client.fields, client.declared, registered(desired(), facts=NEW), NEW, {})
    assert ["jwk"] == mismatches(client.fields, client.declared, registered(desired()), OLD, {})


def _meaning(name: str, value: Value | None, defaults: Fields) -> Value | None:
    return bool(value) if FIELDS[name].kind is Kind.FLAG else defaults.get(name) if value is None else value


@given(st.data(), st.sampled_from(sorted(set(our.VALUES) - {"jwk", "scope", "grant_types"})))
def test_the_cause_follows_from_who_left_what_was_applied(data: st.DataObject, name: str) -> None:
    """By the server alone, by the definition alone or by both; hidden and forced fields have tests of their own."""
    values = st.one_of(st.none(), our.VALUES[name])
    choices = data.draw(st.lists(values, min_size=1, max_size=3))
    before, then, now = (data.draw(st.sampled_from(choices)) for _ in range(3))
    defaults = data.draw(st.sampled_from([{}, {name: 3600}] if FIELDS[name].kind is Kind.SECONDS else [{}]))
    seen = Registration("app", {} if before is None else {name: before})
    client, last = (replace(desired(**{name: value}), declared=frozenset({name})) for value in (now, then))
    found = [change.cause for change in compare(client, seen, applied(last), OLD, defaults)]
    server, was, wanted = (_meaning(name, *each) for each in ((before, {}), (then, defaults), (now, defaults)))
    is_free = FIELDS[name].kind is Kind.SECONDS
    is_as_applied = server == was or (is_free and was is None)
    cause = Cause.DEFINITION if is_as_applied else Cause.SERVER if wanted == was else Cause.BOTH
    is_as_wanted = server == wanted or (is_free and wanted is None)
    assert ([] if is_as_wanted else [cause]) == found


def test_what_a_write_would_add_is_no_difference_to_a_client_that_lacks_it_as_the_definition_does() -> None:
    """A client that no API has made can have offline_access without refresh_token; any write adds that by itself."""
    client = desired(scope=("offline_access",), grant_types=("client_credentials",))
    seen = registered(client, grant_types=["client_credentials"])
    assert () == compare(client, seen, None, OLD, {})
    assert [] == mismatches(client.fields, client.declared, seen, OLD, {})


def test_a_grant_that_comes_with_a_new_scope_is_shown_and_so_is_one_that_is_declared() -> None:
    client = desired(scope=("offline_access",), grant_types=("client_credentials",))
    before = registered(client, scope="openid", grant_types=["client_credentials"])
    assert ["grant_types", "scope"] == [change.name for change in compare(client, before, None, OLD, {})]
    declared = desired(scope=("offline_access",), grant_types=("client_credentials", "refresh_token"))
    seen = registered(declared, grant_types=["client_credentials"])
    assert ["grant_types"] == [change.name for change in compare(declared, seen, None, OLD, {})]
    assert ["grant_types"] == mismatches(declared.fields, declared.declared, seen, OLD, {})


def test_a_name_of_extra_is_compared_as_a_value_and_one_that_is_gone_is_as_false() -> None:
    other = Facts(shows_secrets=False, has_up_scoping=False, api=capabilities("rfc7591"))
    client = desired(**{"extra.b": '{"a":1}', "extra.a": "false"})
    for held, changed in (({"extra.b": '{"a":1}'}, []), ({"extra.b": "2", "extra.a": "true"}, ["extra.a", "extra.b"])):
        seen = Registration("app", {name: value for name, value in client.fields.items() if name in FIELDS} | held)
        assert changed == [field.name for field in compare(client, seen, None, other, {})]
