"""Ends that other tests meet by chance alone: each has its case here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from iac.core.capabilities import Capabilities, Table
from iac.core.desired import Waiver
from iac.core.errors import Location
from iac.core.plan.change import Action
from iac.core.policy import ReviewContext, review_registered
from iac.core.server import parse_answer
from iac.core.state.model import ClientWritten, IntentGiven, is_needed
from tests.core.build import actual, applied, desired, intent, plan, project, registered, state

OTHER = Capabilities(provider="rfc7591", tables=frozenset({Table.RFC7591}))
OLD = desired(client_id="old")
NEW = replace(OLD, client_id="new")


def test_a_replaced_client_that_is_gone_already_is_said() -> None:
    found = plan(project(NEW), state({"team/app": applied(OLD)}), actual())
    (change,) = found.changes
    assert Action.REPLACE is change.action
    assert change.reason.endswith("old is gone from the server already")


def test_an_intent_is_needed_at_once_when_its_request_begins() -> None:
    waiting = replace(intent(OLD), begun=False)
    assert not is_needed(state(), IntentGiven(waiting))
    assert is_needed(state(), IntentGiven(replace(intent(OLD), begun=True)))
    assert not is_needed(state(), ClientWritten("team/app", replace(applied(OLD), secret=None)))


def test_an_empty_member_that_no_field_stands_for_is_no_field() -> None:
    assert "extra.theme" not in parse_answer({"client_id": "a", "theme": ""}, OTHER).fields


def test_a_waived_finding_on_a_registered_client_is_left_out() -> None:
    until = Waiver("client-disabled", "until the move", date(2026, 12, 31), Location("clients.d/a.yaml"))
    there = {"team/app": registered(OLD, active=False)}
    for waivers, findings in (((), 1), ((until,), 0)):
        client = replace(OLD, waivers=waivers)
        assert findings == len(list(review_registered(project(client), ReviewContext(date(2026, 1, 1), clients=there))))
