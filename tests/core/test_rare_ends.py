"""Ends that other tests meet by chance alone: each has its case here."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from iac.core.capabilities import Capabilities, Table
from iac.core.desired import Waiver
from iac.core.errors import Location, StateError
from iac.core.model import canonical_json
from iac.core.plan.change import Action
from iac.core.plan.plan import Plan
from iac.core.policy import ReviewContext, review_registered
from iac.core.server import parse_answer, update_body
from iac.core.server.effect import to_wire
from iac.core.state.document import Batch, check_state, render_batch
from iac.core.state.model import ClientWritten, IntentGiven, is_needed
from iac.registry import capabilities
from tests.core.build import NEW as NEWEST
from tests.core.build import actual, applied, desired, intent, plan, project, registered, state

OTHER = Capabilities(provider="rfc7591", tables=frozenset({Table.RFC7591}))
OLD = desired(client_id="old")
NEW = replace(OLD, client_id="new")


def said(found: Plan) -> list[str]:
    """What it says of the server's rules, where they are certain and where not."""
    return [guard.summary for guard in found.guards] + [
        finding.summary for change in found.changes for finding in change.findings
    ]


def test_a_replaced_client_that_is_gone_already_is_said() -> None:
    found = plan(project(NEW), state({"team/app": applied(OLD)}), actual())
    (change,) = found.changes
    assert Action.REPLACE is change.action
    assert change.reason.endswith("old is gone from the server already")


def test_an_intent_is_needed_at_once_when_its_request_begins() -> None:
    waiting = replace(intent(OLD), begun=False)
    assert not is_needed(state(), [IntentGiven(waiting)])
    assert is_needed(state(), [IntentGiven(replace(intent(OLD), begun=True))])
    assert not is_needed(state(), [ClientWritten("team/app", replace(applied(OLD), secret=None))])


def test_an_empty_member_that_no_field_stands_for_is_no_field() -> None:
    assert "extra.theme" not in parse_answer({"client_id": "a", "theme": ""}, OTHER).fields


def test_a_waived_finding_on_a_registered_client_is_left_out() -> None:
    until = Waiver("client-disabled", "until the move", date(2026, 12, 31), Location("clients.d/a.yaml"))
    there = {"team/app": registered(OLD, active=False)}
    for waivers, findings in (((), 1), ((until,), 0)):
        client = replace(OLD, waivers=waivers)
        assert findings == len(list(review_registered(project(client), ReviewContext(date(2026, 1, 1), clients=there))))


def test_an_id_that_no_request_can_name_is_refused() -> None:
    (guard,) = plan(project(desired(client_id="a/b"))).guards
    assert "client_id a/b: " in guard.summary
    assert guard.fix


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_a_login_by_certificate_is_refused_by_an_iam(method: str) -> None:
    (guard,) = plan(project(desired(token_endpoint_auth_method=method))).guards
    assert f"IAM has no {method}" == guard.summary


@pytest.mark.parametrize(
    ("is_anonymous", "whom"), [(True, "where nobody logs in"), (False, "for users who are no administrators")]
)
def test_a_scope_that_self_service_drops_is_said_until_it_is_said_to_be_granted(
    whom: str, *, is_anonymous: bool
) -> None:
    api = capabilities("iam-self-service")
    there = replace(actual(), facts=replace(NEWEST, api=api, is_anonymous=is_anonymous))
    client = desired(client_id="", scope=("openid", "storage.read:/"))
    assert [f"self service silently drops the scopes storage.read:/ {whom}"] == said(
        plan(project(client, api=api), state(), there)
    )
    assert [] == said(plan(project(client, api=api, grantable=("storage.read:*",)), state(), there))


def test_a_scope_that_is_said_to_be_granted_is_not_stripped() -> None:
    api = capabilities("iam-self-service")
    stored = applied(desired(scope=("openid",)), provider=api.provider)
    client = desired(scope=("openid", "storage.read:/"), client_name="Another name")
    there = actual(registered(client, client_name="An app"), facts=replace(NEWEST, api=api))
    for grantable, guards in (((), 1), (("storage.read:*",), 0)):
        found = plan(project(client, api=api, grantable=grantable), state({"team/app": stored}), there)
        assert guards == sum(guard.id == "scope-would-be-stripped" for guard in found.guards), found.guards


def test_a_field_that_has_another_name_at_the_server_is_sent_by_that_name_alone() -> None:
    fresh = parse_answer({"client_id": "a", "jwks": {"keys": []}}, capabilities("rfc7591"))
    facts = replace(NEWEST, api=capabilities("rfc7591"))
    body = update_body(fresh, {"jwk": '{"keys": []}'}, {"jwk"}, facts)
    assert ({"keys": []}, False) == (body["jwks"], "jwk" in body)


def test_an_object_is_sent_as_an_object() -> None:
    assert {"a": [1]} == to_wire("extra.theme", '{"a": [1]}')


def test_a_value_that_cannot_be_read_again_is_not_written() -> None:
    bad = applied(OLD, applied={"client_name": float("nan")})
    with pytest.raises(StateError, match="cannot hold a value"):
        check_state(state({"team/app": bad}))
    with pytest.raises(StateError, match="cannot hold a value"):
        render_batch(Batch("lineage", "run", 1, (ClientWritten("team/app", bad),)))


def test_a_whole_number_in_an_object_is_the_same_however_it_is_written() -> None:
    assert '{"a":[3600,1.5]}' == canonical_json({"a": [3600.0, 1.5]}) == canonical_json({"a": [3600, 1.5]})
