"""Secrets that are sealed to others than their definition names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from iac.core.desired import MovedEntry
from iac.core.errors import Location
from iac.core.plan.change import Action, Recipients
from iac.core.state.model import ClientKey, SecretStatus
from tests.core.build import CANARY, OPTIONS, actual, applied, desired, intent, plan, project, registered, sealed, state
from tests.every import every

if TYPE_CHECKING:
    from iac.core.plan.plan import Plan

HOST, OTHER = "age1host", "age1other"
APP = desired()


def held(*recipients: str, client: Any = APP) -> Any:
    return applied(client, secret=replace(sealed(), recipients=recipients))


def found(wanted: Any, last: Any, **options: Any) -> Plan:
    return plan(
        project(wanted),
        state({wanted.address: last}),
        actual(registered(wanted, secret=CANARY)),
        replace(OPTIONS, **options),
    )


@pytest.mark.parametrize(
    ("named", "sealed_to"),
    [((HOST,), ()), ((), (HOST,)), ((HOST,), (OTHER,)), ((HOST, OTHER), (HOST,))],
    ids=["added", "taken out", "changed", "one more"],
)
def test_other_recipients_than_those_of_the_sealed_secret_are_said_and_no_change(
    named: tuple[str, ...], sealed_to: tuple[str, ...]
) -> None:
    result = found(desired(recipients=named), held(*sealed_to))
    assert result.is_empty
    assert () == result.guards
    (finding,) = result.findings
    assert ("sealed-to-others", "warning") == (finding.id, finding.severity)
    assert "team/app" == finding.where
    assert "iac state rekey" == finding.fix


@pytest.mark.parametrize("recipients", [(), (HOST,), (HOST, OTHER)])
def test_the_same_recipients_in_any_order_are_not_said(recipients: tuple[str, ...]) -> None:
    assert () == found(desired(recipients=recipients), held(*reversed(recipients))).findings


def test_a_client_without_a_secret_in_state_has_nothing_to_seal() -> None:
    last = applied(APP, secret=None, secret_status=SecretStatus.UNKNOWN)
    assert () == found(desired(recipients=(HOST,)), last).findings


@pytest.mark.parametrize(("sealed_to", "expected"), [((), ["sealed-to-others"]), ((HOST,), [])])
def test_a_private_key_counts_as_a_secret(sealed_to: tuple[str, ...], expected: list[str]) -> None:
    wanted = desired(recipients=(HOST,))
    key = ClientKey("one", "{}", replace(sealed(), recipients=sealed_to))
    last = replace(state({"team/app": held(HOST)}), keys={"team/app": (key,)})
    result = plan(project(wanted), last, actual(registered(wanted, secret=CANARY)))
    assert expected == [finding.id for finding in result.findings]


def test_a_change_that_keeps_the_secret_says_it_too() -> None:
    wanted = desired(recipients=(HOST,), contacts=("new@example.org",))
    result = plan(project(wanted), state({"team/app": held()}), actual(registered(APP, secret=CANARY)))
    assert [Action.UPDATE] == [change.action for change in result.changes]
    assert ["sealed-to-others"] == [finding.id for finding in result.findings]


def test_a_secret_that_is_new_is_sealed_to_the_recipients_of_now() -> None:
    assert () == found(desired(recipients=(HOST,), secret_serial=2), held()).findings
    assert () == plan(project(desired(recipients=(HOST,)))).findings


def test_an_address_that_this_run_does_not_look_at_is_left_out() -> None:
    other = desired("team/other")
    wanted = project(desired(recipients=(HOST,)), other)
    last = state({"team/app": held(), "team/other": held(client=other)})
    seen = actual(registered(APP, secret=CANARY), registered(other, secret=CANARY))
    options = replace(OPTIONS, targets=frozenset({"team/other"}))
    assert () == plan(wanted, last, seen, options).findings
    assert 1 == len(plan(wanted, last, seen).findings)


def test_a_moved_client_is_sealed_anew_anyway() -> None:
    new = desired("team/new", client_id="app", recipients=(HOST,))
    wanted = project(new, moved=(MovedEntry("team/app", "team/new", Location("iac.yaml", 3)),))
    result = plan(wanted, state({"team/app": held()}), actual(registered(new, secret=CANARY)))
    assert (("team/app", "team/new"),) == result.moved
    assert () == result.findings


def test_the_secret_of_an_interrupted_create_that_is_kept_counts_too() -> None:
    wanted = desired(recipients=(HOST,))
    last = state(intents={"team/app": intent(APP, secret=sealed())})
    result = plan(project(wanted), last, actual(registered(wanted, secret=CANARY)))
    assert [True] == [change.resumes for change in result.changes]
    assert ["sealed-to-others"] == [finding.id for finding in result.findings]


def test_whom_a_definition_lets_in_is_part_of_what_is_approved() -> None:
    def digest(*recipients: str) -> str:
        return plan(project(desired(recipients=recipients))).digest

    assert 3 == len({digest(), digest(HOST), digest(OTHER)})
    assert digest(HOST) == digest(HOST)


# who can open a secret, before and after

OPS, NEW_OPS = "age1ops", "age1newops"


def known(*recipients: str, of_state: tuple[str, ...] = (OPS,), client: Any = APP) -> Any:
    secret = replace(sealed(), recipients=recipients, state_recipients=of_state)
    return applied(client, secret=secret)


def planned(wanted: Any, last: Any, of_state: tuple[str, ...] | None, *, keys: Any = ()) -> Plan:
    held = state({wanted.address: last} if last else {})
    held = replace(held, keys={wanted.address: keys} if keys else {})
    there = actual(registered(APP, secret=CANARY)) if last else actual()
    return plan(replace(project(wanted), recipients=of_state), held, there)


@every(
    "named, of_state, last, expected",
    [
        ((HOST,), (OPS,), known(), Recipients((OPS,), (HOST, OPS), (HOST,))),
        ((), (OPS,), known(HOST), Recipients((HOST, OPS), (OPS,), (), (HOST,))),
        ((), (NEW_OPS,), known(), Recipients((OPS,), (NEW_OPS,), (NEW_OPS,), (OPS,))),
        ((HOST,), (OPS, NEW_OPS), known(HOST), Recipients((HOST, OPS), (HOST, NEW_OPS, OPS), (NEW_OPS,))),
        ((HOST,), (OPS,), held(), Recipients(None, (HOST, OPS), (HOST,))),
        ((), (OPS,), held(HOST), Recipients(None, (OPS,), (), (HOST,))),
        ((), (), known(), Recipients((OPS,), (), is_clear=True)),
    ],
    ids=["named", "not named", "of the state", "one more of the state", "1.0, named", "1.0, not named", "in clear"],
)
def test_recipients_that_change_alone_are_said_and_are_no_change(
    named: tuple[str, ...], of_state: tuple[str, ...], last: Any, expected: Recipients
) -> None:
    result = planned(desired(recipients=named), last, of_state)
    assert result.is_empty
    assert {"team/app": expected} == result.recipients


@every(
    "named, of_state, last",
    [
        ((), (OPS,), known()),
        ((HOST,), (OPS,), known(HOST)),
        ((), (OPS,), held()),
        ((), (NEW_OPS,), held()),
        ((OPS,), (OPS,), held()),
        ((), None, known()),
        ((), ("ssh-ed25519 AAAA",), known(of_state=("ssh-ed25519 AAAA me@laptop",))),
        ((), (), applied(APP, secret=replace(sealed(), sealed="clear:x"))),
        ((), (OPS,), applied(APP, secret=replace(sealed(), sealed="clear:x"))),
    ],
    ids=["same", "same, named", "1.0", "1.0, of the state", "in both", "nobody", "comment", "clear", "sealed by rekey"],
)
def test_no_difference_is_invented(named: tuple[str, ...], of_state: tuple[str, ...] | None, last: Any) -> None:
    assert {} == planned(desired(recipients=named), last, of_state).recipients


def test_a_new_secret_says_to_whom_it_is_sealed() -> None:
    (change,) = planned(desired(recipients=(HOST,)), None, (OPS,)).changes
    assert Recipients(None, (HOST, OPS), is_sealed=True) == change.recipients


def test_a_rotation_says_who_comes_and_goes_and_an_update_that_nothing_is_sealed() -> None:
    (rotation,) = planned(desired(recipients=(HOST,), secret_serial=2), known(OTHER), (OPS,)).changes
    assert Recipients((OPS, OTHER), (HOST, OPS), (HOST,), (OTHER,), is_sealed=True) == rotation.recipients
    (update,) = planned(desired(recipients=(HOST,), contacts=("new@example.org",)), known(OTHER), (OPS,)).changes
    assert Recipients((OPS, OTHER), (HOST, OPS), (HOST,), (OTHER,)) == update.recipients


def test_a_client_without_a_secret_has_no_recipients() -> None:
    public = desired(token_endpoint_auth_method="none", recipients=(HOST,))
    (change,) = planned(public, None, (OPS,)).changes
    assert change.recipients is None
    (dropped,) = planned(public, known(), (OPS,)).changes
    assert change.recipients is dropped.recipients


def test_a_key_that_can_open_one_of_two_secrets_is_new_to_the_other() -> None:
    key = ClientKey("one", "{}", replace(sealed(), state_recipients=(OPS, HOST)))
    result = planned(desired(recipients=(HOST,)), known(), (OPS,), keys=(key,))
    assert {"team/app": Recipients((HOST, OPS), (HOST, OPS), (HOST,))} == result.recipients
