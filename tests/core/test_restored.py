"""A client that comes back as the server last answered it."""

from __future__ import annotations

from msgspec.structs import replace

from iac.core.plan.proposal import restored
from tests.core.build import OLD, applied, desired, plan, project

CLIENT = desired()
(CREATE,) = plan(project(CLIENT)).changes


def test_a_change_that_registers_nothing_stays_as_it_is() -> None:
    leaving = replace(CREATE, desired=None)
    assert leaving == restored(leaving, applied(CLIENT), OLD, {})


def test_that_a_disabled_client_comes_back_enabled_is_said() -> None:
    change = restored(CREATE, applied(CLIENT, answer={"active": False}), OLD, {})
    assert change.reason.endswith("it was disabled, and only an administrator can do that again")
