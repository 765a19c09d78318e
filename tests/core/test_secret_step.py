from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iac.core.plan import secret_step
from iac.core.plan.change import SecretChange, SecretStep
from iac.core.state.model import SecretStatus
from tests.core.build import CANARY, NEW, OLD, applied, desired, ignoring, registered
from tests.every import every

if TYPE_CHECKING:
    from iac.core.model import Facts
    from iac.core.state.model import ClientState

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
UNKNOWN = {"secret": None, "secret_status": SecretStatus.UNKNOWN}
NO_SECRET = {"secret": None, "secret_status": SecretStatus.NONE}


def of(
    facts: Facts, *, last: ClientState | None, secret: str | None = None, lost: bool = False, **more: Any
) -> tuple[SecretChange, SecretStep]:
    client = desired(**more.pop("wanted", {}))
    found = secret_step.decide_registered(
        client, registered(client, facts=facts, secret=secret, **more), last, facts, is_interrupted=lost
    )
    return found.change, found.step


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (BASIC, (SecretChange.CREATED, SecretStep.CHOOSE)),
        (NONE, (SecretChange.NONE, SecretStep.NOTHING)),
        ("private_key_jwt", (SecretChange.NONE, SecretStep.NOTHING)),
    ],
)
def test_a_new_client_gets_the_secret_that_its_method_needs(
    method: str, expected: tuple[SecretChange, SecretStep]
) -> None:
    found = secret_step.decide_new(desired(token_endpoint_auth_method=method), NEW)
    assert expected == (found.change, found.step)


@every("change", SecretChange)
@every("step", SecretStep)
def test_a_secret_that_is_asked_for_is_made_wherever_there_is_one(change: SecretChange, step: SecretStep) -> None:
    known = secret_step.SecretDecision(change, step)
    found = secret_step.decide_requested(known, "somebody asked")
    if change is SecretChange.NONE or step in {SecretStep.ROTATE, SecretStep.CHOOSE, SecretStep.DROP}:
        assert known == found
    else:
        assert (SecretChange.ROTATED, SecretStep.ROTATE) == (found.change, found.step)


def test_a_shown_secret_that_is_the_stored_one_is_kept() -> None:
    assert (SecretChange.KEPT, SecretStep.NOTHING) == of(OLD, last=applied(desired()), secret=CANARY)


def test_a_shown_secret_that_is_another_one_is_taken() -> None:
    assert (SecretChange.ROTATED, SecretStep.TAKE) == of(OLD, last=applied(desired()), secret="by hand")


@pytest.mark.parametrize("held", [UNKNOWN, {"secret_status": SecretStatus.UNKNOWN}])
def test_a_shown_secret_is_taken_where_the_stored_one_is_not_sure(held: dict[str, Any]) -> None:
    assert (SecretChange.ROTATED, SecretStep.TAKE) == of(OLD, last=applied(desired(), **held), secret=CANARY)


def test_a_first_secret_that_is_shown_is_created_and_taken() -> None:
    assert (SecretChange.CREATED, SecretStep.TAKE) == of(OLD, last=applied(desired(), **NO_SECRET), secret="by hand")


def test_a_server_that_holds_no_secret_is_asked_for_one() -> None:
    assert (SecretChange.ROTATED, SecretStep.ROTATE) == of(OLD, last=applied(desired()), secret=None)


def test_taking_over_a_client_takes_a_secret_that_is_shown() -> None:
    assert (SecretChange.KEPT, SecretStep.TAKE) == of(OLD, last=None, secret="by hand")


def test_taking_over_a_client_whose_secret_is_hidden_leaves_it_unknown() -> None:
    assert (SecretChange.UNKNOWN, SecretStep.NOTHING) == of(NEW, last=None)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({}, (SecretChange.KEPT, SecretStep.NOTHING)),
        (UNKNOWN, (SecretChange.UNKNOWN, SecretStep.NOTHING)),
        (NO_SECRET, (SecretChange.CREATED, SecretStep.ROTATE)),
        ({"secret_status": SecretStatus.UNKNOWN}, (SecretChange.ROTATED, SecretStep.ROTATE)),
    ],
)
def test_a_hidden_secret_is_what_state_says(held: dict[str, Any], expected: tuple[SecretChange, SecretStep]) -> None:
    assert expected == of(NEW, last=applied(desired(), **held))


def test_a_lost_rotation_is_done_again_where_the_secret_is_hidden_and_read_where_it_is_shown() -> None:
    assert (SecretChange.ROTATED, SecretStep.ROTATE) == of(NEW, last=applied(desired()), lost=True)
    assert (SecretChange.ROTATED, SecretStep.TAKE) == of(OLD, last=applied(desired()), secret="new", lost=True)


@pytest.mark.parametrize("facts", [OLD, NEW])
def test_a_higher_serial_rotates_and_a_lower_one_does_nothing(facts: Facts) -> None:
    last = applied(desired(), secret_serial=2)
    assert (SecretChange.ROTATED, SecretStep.ROTATE) == of(facts, last=last, secret=CANARY, wanted={"secret_serial": 3})
    assert (SecretChange.KEPT, SecretStep.NOTHING) == of(facts, last=last, secret=CANARY, wanted={"secret_serial": 1})


@every(
    "facts, held, secret, step",
    [
        (OLD, {}, "new", SecretStep.TAKE),
        (OLD, {"secret_status": SecretStatus.UNKNOWN}, "new", SecretStep.TAKE),
        (OLD, {}, CANARY, SecretStep.ROTATE),
        (OLD, {}, None, SecretStep.ROTATE),
        (OLD, UNKNOWN, "new", SecretStep.ROTATE),
        (NEW, {}, None, SecretStep.ROTATE),
    ],
)
def test_a_rotation_by_serial_that_was_interrupted_is_done_once_where_its_secret_is_shown(
    facts: Facts, held: dict[str, Any], secret: str | None, step: SecretStep
) -> None:
    last = applied(desired(), **held)
    found = of(facts, last=last, secret=secret, lost=True, wanted={"secret_serial": 2})
    assert (SecretChange.ROTATED, step) == found
    assert (SecretChange.ROTATED, SecretStep.ROTATE) == of(facts, last=last, secret=secret, wanted={"secret_serial": 2})


@pytest.mark.parametrize(("facts", "step"), [(OLD, SecretStep.CHOOSE), (NEW, SecretStep.ROTATE)])
def test_a_method_that_needs_a_secret_again_gets_one(facts: Facts, step: SecretStep) -> None:
    found = of(facts, last=applied(desired(), **NO_SECRET), token_endpoint_auth_method=NONE)
    assert (SecretChange.CREATED, step) == found


@pytest.mark.parametrize("facts", [OLD, NEW])
def test_a_method_without_secret_drops_it(facts: Facts) -> None:
    wanted = {"token_endpoint_auth_method": NONE}
    dropped = (SecretChange.ERASED, SecretStep.DROP)
    assert dropped == of(facts, last=applied(desired()), wanted=wanted, token_endpoint_auth_method=BASIC)
    assert dropped == of(facts, last=None, wanted=wanted, token_endpoint_auth_method=BASIC)
    assert dropped == of(facts, last=applied(desired()), wanted=wanted)
    assert (SecretChange.NONE, SecretStep.NOTHING) == of(facts, last=applied(desired(), **NO_SECRET), wanted=wanted)


def test_another_method_with_a_secret_keeps_it() -> None:
    found = of(OLD, last=applied(desired()), secret=CANARY, token_endpoint_auth_method=POST)
    assert (SecretChange.KEPT, SecretStep.NOTHING) == found


def test_a_method_that_is_ignored_is_the_servers() -> None:
    wanted = {"lifecycle": ignoring("token_endpoint_auth_method")}
    last = applied(desired(), **NO_SECRET)
    assert (SecretChange.NONE, SecretStep.NOTHING) == of(NEW, last=last, wanted=wanted, token_endpoint_auth_method=NONE)


def test_a_client_that_shows_no_method_uses_a_secret() -> None:
    """Taking it over must not end in a new secret for a service that runs."""
    found = of(OLD, last=None, secret="by hand", token_endpoint_auth_method=None)
    assert (SecretChange.KEPT, SecretStep.TAKE) == found
