"""What of a server's answers means what, where a sandbox does not answer so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.model import Actual, Facts
from iac.core.secret import Secret
from iac.ports import Identity
from iac.transport.message import TOLERANCE
from iac.workflow import doctor
from iac.workflow.doctor import Health

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_a_token_that_does_not_say_its_scopes_leaves_it_open() -> None:
    assert Health.UNKNOWN is doctor._scopes(Identity("x", None, "https://iam.example.org/")).health


def test_without_any_client_it_is_not_known_whether_reading_shows_secrets() -> None:
    nothing: Mapping[str, object] = {}
    actual = Actual(Facts(shows_secrets=False, has_up_scoping=False), nothing, 0)  # type: ignore[arg-type]
    assert Health.UNKNOWN is doctor._exposure(actual).health


def test_a_server_that_does_not_say_its_time_leaves_it_open() -> None:
    assert Health.UNKNOWN is doctor._clock(None).health


@pytest.mark.parametrize(("seconds", "health"), [(TOLERANCE, Health.OK), (TOLERANCE + 1, Health.WARNING)])
@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_may_differ_a_little(seconds: float, health: Health, sign: int) -> None:
    assert health is doctor._clock(sign * seconds).health


def test_an_ssh_key_is_the_same_with_another_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "recipients_of", lambda _: ("ssh-ed25519 AAAA",))
    settings: Any = SimpleNamespace(state=SimpleNamespace(is_clear=False, recipients=("ssh-ed25519 AAAA me@host",)))
    (check,) = doctor.identity(settings, Secret("a key"))
    assert Health.OK is check.health
