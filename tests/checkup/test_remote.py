"""What of a server's answers means what, where a sandbox does not answer so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.registration import Actual, Facts
from iac.core.secret import Secret
from iac.ports import Identity
from iac.transport.retry import TOLERANCE
from iac.workflow.doctor import remote
from iac.workflow.doctor.check import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_a_token_that_does_not_say_its_scopes_leaves_it_open() -> None:
    assert Verdict.UNKNOWN is remote._scopes(Identity("x", None, "https://iam.example.org/")).verdict


def test_without_any_client_it_is_not_known_whether_reading_shows_secrets() -> None:
    nothing: Mapping[str, object] = {}
    actual = Actual(Facts(shows_secrets=False, has_up_scoping=False), nothing, 0)  # type: ignore[arg-type]
    assert Verdict.UNKNOWN is remote._exposure(actual).verdict


def test_a_server_that_does_not_say_its_time_leaves_it_open() -> None:
    assert Verdict.UNKNOWN is remote._clock(None).verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(TOLERANCE, Verdict.OK), (TOLERANCE + 1, Verdict.WARNING)])
@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_may_differ_a_little(seconds: float, verdict: Verdict, sign: int) -> None:
    assert verdict is remote._clock(sign * seconds).verdict


def test_an_ssh_key_is_the_same_with_another_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "recipients_of", lambda _: ("ssh-ed25519 AAAA",))
    settings: Any = SimpleNamespace(state=SimpleNamespace(is_clear=False, recipients=("ssh-ed25519 AAAA me@host",)))
    (check,) = remote.identity(settings, Secret("a key"))
    assert Verdict.OK is check.verdict
