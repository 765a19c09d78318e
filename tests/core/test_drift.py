"""What somebody changed on the server since the last apply, and nothing else."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iac.core.desired import MovedEntry, PolicyTerms, Waiver
from iac.core.drift import ClientDrift, Drift, SecretDrift, find_drift
from iac.core.errors import Location
from iac.core.plan.change import Cause, FieldChange
from iac.core.policy import ReviewContext, Subject, check, in_force, review_drift
from iac.core.state.model import SecretStatus
from tests.core import strategies as our
from tests.core.build import (
    CANARY,
    KEY,
    NEW,
    OLD,
    actual,
    applied,
    desired,
    ignoring,
    intent,
    project,
    registered,
    state,
)

if TYPE_CHECKING:
    from iac.core.desired import DesiredClient
    from iac.core.model import Facts, Registration
    from iac.core.state.model import ClientState

ADDRESS = "team/app"


def _drift(
    client: DesiredClient, seen: Registration | None, last: ClientState | None = None, facts: Facts = OLD
) -> Drift:
    held = state({client.address: last or applied(client)})
    return find_drift(project(client), held, actual(*([seen] if seen else []), facts=facts))


@given(our.definitions(), our.facts)
def test_a_client_as_applied_has_not_drifted(client: DesiredClient, facts: Facts) -> None:
    drift = _drift(client, registered(client, facts=facts, secret=CANARY, owners=client.owners), facts=facts)
    assert ((), 1) == (drift.clients, drift.unchanged)


@given(our.definitions(), our.definitions())
def test_what_only_the_definition_changed_is_no_drift(now: DesiredClient, then: DesiredClient) -> None:
    assert () == _drift(now, registered(then, secret=CANARY), applied(then)).clients


@given(st.data(), our.definitions())
def test_each_managed_field_that_somebody_changes_is_drift_of_that_field(
    data: st.DataObject, client: DesiredClient
) -> None:
    name = data.draw(st.sampled_from(["client_name", "redirect_uris", "response_types", "jwks_uri"]))
    before = client.fields.get(name)
    value = data.draw(our.VALUES[name].filter(lambda value: value != before))
    seen = registered(client, secret=CANARY)
    seen = replace(seen, fields={**seen.fields, name: value})
    (found,) = _drift(client, seen).clients
    (field,) = found.fields
    assert (name, before, value, Cause.SERVER) == (field.name, field.before, field.after, field.cause)


def test_before_is_what_was_applied_and_after_is_the_servers() -> None:
    client = desired(scope=("a", "b"))
    (found,) = _drift(client, registered(client, scope="b c", secret=CANARY)).clients
    expected = FieldChange("scope", ("a", "b"), ("b", "c"), Cause.SERVER, ("c",), ("a",))
    assert ClientDrift(ADDRESS, "app", "An app", client.location, fields=(expected,)) == found


def test_what_definition_and_server_changed_is_told_from_what_was_applied() -> None:
    then, now = desired(client_name="Then"), desired(client_name="Wanted")
    (found,) = _drift(now, registered(now, client_name="Theirs", secret=CANARY), applied(then)).clients
    assert (FieldChange("client_name", "Then", "Theirs", Cause.BOTH),) == found.fields


def test_what_the_definition_has_taken_over_is_no_drift() -> None:
    now = desired(client_name="Theirs")
    assert () == _drift(now, registered(now, secret=CANARY), applied(desired())).clients


def test_what_is_ignored_or_not_declared_is_no_drift() -> None:
    client = desired(lifecycle=ignoring("client_name", "owners"), owners=("u1",))
    seen = registered(client, client_name="Theirs", client_uri="https://x", secret=CANARY, owners=("u2",))
    assert () == _drift(client, seen).clients


def test_a_flag_that_was_applied_as_false_is_told_as_false() -> None:
    client = desired(require_auth_time=False)
    (found,) = _drift(client, registered(client, require_auth_time=True, secret=CANARY)).clients
    assert [(False, True)] == [(field.before, field.after) for field in found.fields]


def test_owners_are_told_when_they_were_read() -> None:
    client = desired(owners=("u1",))
    (found,) = _drift(client, registered(client, owners=("u2",), secret=CANARY)).clients
    assert (FieldChange("owners", ("u1",), ("u2",), Cause.SERVER, ("u2",), ("u1",)),) == found.fields
    assert () == _drift(client, registered(client, secret=CANARY)).clients


def test_owners_that_were_applied_as_none_are_told_as_none() -> None:
    client = desired(owners=())
    (found,) = _drift(client, registered(client, owners=("u2",), secret=CANARY)).clients
    assert (None, ("u2",)) == (found.fields[0].before, found.fields[0].after)


def test_a_client_that_is_gone_is_said() -> None:
    drift = _drift(desired(), None)
    assert (ClientDrift(ADDRESS, "app", "An app", desired().location, gone=True),) == drift.clients
    assert (1, 0, 0) == (drift.gone, drift.changed, drift.unchanged)


@pytest.mark.parametrize(
    ("secret", "facts", "expected"),
    [
        (CANARY, OLD, SecretDrift.SAME),
        ("another", OLD, SecretDrift.CHANGED),
        (None, OLD, SecretDrift.REMOVED),
        (None, NEW, SecretDrift.UNKNOWN),
    ],
)
def test_a_secret_is_compared_by_its_fingerprint(secret: str | None, facts: Facts, expected: SecretDrift) -> None:
    client = desired(client_name="Wanted")
    seen = registered(client, facts=facts, client_name="Theirs", secret=secret)
    (found,) = _drift(client, seen, facts=facts).clients
    assert expected == found.secret


@pytest.mark.parametrize(
    ("status", "expected"), [(SecretStatus.NONE, SecretDrift.SAME), (SecretStatus.UNKNOWN, SecretDrift.UNKNOWN)]
)
def test_a_secret_that_was_not_known_has_not_changed(status: SecretStatus, expected: SecretDrift) -> None:
    client = desired()
    last = applied(client, secret=None, secret_status=status)
    (found,) = _drift(client, registered(client, client_name="Theirs", secret="x"), last).clients
    assert expected == found.secret


def test_a_client_that_lost_its_secret_with_its_method_drifted_by_the_method_alone() -> None:
    client = desired()
    (found,) = _drift(client, registered(client, token_endpoint_auth_method="none")).clients
    assert ["token_endpoint_auth_method"] == [field.name for field in found.fields]
    assert not found.has_other_secret


def test_the_secret_of_an_interrupted_rotation_is_our_own() -> None:
    client = desired()
    held = state({ADDRESS: applied(client)}, intents={ADDRESS: intent(client, "rotate")})
    assert () == find_drift(project(client), held, actual(registered(client, secret="new"))).clients


def test_a_hidden_key_is_as_it_was_applied() -> None:
    client = desired(jwk=KEY)
    assert () == _drift(client, registered(desired(), facts=NEW), facts=NEW).clients
    (found,) = _drift(client, registered(desired(), facts=NEW, client_name="Theirs"), facts=NEW).clients
    assert ("jwk",) == found.unread


def test_only_what_is_defined_applied_and_asked_for_is_looked_at() -> None:
    asked, other, fresh = (desired(f"team/{name}") for name in ("asked", "other", "fresh"))
    held = state({each.address: applied(each) for each in (asked, other, desired("team/left"))})
    drift = find_drift(project(asked, other, fresh), held, actual(), ["team/asked", "team/fresh"])
    assert ["team/asked"] == [each.address for each in drift.clients]
    assert ["team/asked", "team/other"] == [
        each.address for each in find_drift(project(asked, other, fresh), held, actual()).clients
    ]


def test_a_client_that_moves_is_compared_with_what_was_applied_before() -> None:
    client = desired("team/new", client_id="app")
    wanted = project(client, moved=(MovedEntry(ADDRESS, "team/new", Location("iac.yaml")),))
    drift = find_drift(wanted, state({ADDRESS: applied(client)}), actual(registered(client, client_name="Theirs")))
    assert ["team/new"] == [each.address for each in drift.clients]


def test_the_json_form_has_counts_places_and_no_secret() -> None:
    client = desired(scope=("a",))
    found = _drift(client, registered(client, scope="b", secret="another")).to_dict()
    assert CANARY not in str(found)
    assert "another" not in str(found)
    assert {"changed": 1, "gone": 0, "disabled": 0, "unchanged": 0} == found["summary"]
    assert [
        {
            "address": ADDRESS,
            "client_id": "app",
            "client_name": "An app",
            "location": {"file": "clients.d/team/app.yaml", "line": 1, "column": 1},
            "gone": False,
            "may_be_there": False,
            "fields": [
                {
                    "name": "scope",
                    "before": ["a"],
                    "after": ["b"],
                    "cause": "server",
                    "added": ["b"],
                    "removed": ["a"],
                }
            ],
            "secret": "changed",
            "unread": [],
            "disabled": False,
            "findings": [],
        }
    ] == found["clients"]


def _reviewed(client: DesiredClient, seen: Registration | None, scopes: tuple[str, ...] = ()) -> list[str]:
    wanted = project(client)
    (found,) = review_drift(
        _drift(client, seen), wanted, ReviewContext(date(2026, 1, 1), scopes, {client.address: seen} if seen else {})
    ).clients
    return [finding.id for finding in found.findings]


def test_policy_says_of_the_servers_values_what_it_does_not_say_of_the_definition() -> None:
    client = desired(redirect_uris=("http://a.example.org/cb",))
    (known,) = [
        replace(hit, id=rule.id)
        for rule, hit in check(Subject(client.fields, PolicyTerms(), has_owners=False), in_force({}, project().api))
        if rule.id == "http-redirect-uri"
    ]
    client = replace(client, remarks=(known,))
    theirs = ["http://a.example.org/cb", "http://b.example.org/cb"]
    seen = registered(client, redirect_uris=theirs, secret=CANARY)
    assert 1 == _reviewed(client, seen).count("http-redirect-uri")
    assert "redirect-uri-new-host" in _reviewed(client, seen)


def test_a_scope_that_the_server_lists_is_no_finding() -> None:
    client = desired(scope=("openid",))
    seen = registered(client, scope="openid odd", secret=CANARY)
    assert ["unknown-scope"] == _reviewed(client, seen)
    assert [] == _reviewed(client, seen, ("odd",))


def test_policy_says_nothing_of_a_secret_a_client_that_is_gone_and_a_waiver_that_has_ended() -> None:
    waiver = Waiver("grant-added", "for a while", date(2025, 1, 1), Location("clients.d/team/app.yaml"))
    client = replace(desired(), waivers=(waiver,))
    assert [] == _reviewed(client, registered(client, secret="other"))
    assert [] == _reviewed(client, None)
