"""oidc-agent: a program that stands in for `oidc-token`; the real one is in tests/live."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from iac.core.errors import CredentialsError
from iac.core.origin import Issuer
from iac.providers.base import LoginSession
from iac.providers.discovery import Endpoints, KnownServer
from iac.providers.logins import READ_SCOPES, WRITE_SCOPES
from iac.providers.logins.agent import OidcAgent
from iac.transport.message import Call
from tests.providers.test_bearer import jwt

if TYPE_CHECKING:
    from pathlib import Path

    from iac.providers.bearer import Bearer
    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenHttp

ISSUER = "https://iam.example.org/"
ENDPOINTS = Endpoints(ISSUER, "/token", f"{ISSUER}token")


class Stand:
    """An `oidc-token` on the PATH that writes down how it was called and says what it is told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._program = folder / "oidc-token"
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        monkeypatch.setenv("OIDC_SOCK", "/nowhere")

    def says(self, out: str, err: str = "", code: int = 0, sleep: float = 0.0) -> None:
        (self._folder / "out").write_text(out)
        (self._folder / "err").write_text(err)
        here = shlex.quote(str(self._folder))
        self._program.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{here}/called; echo end >>{here}/called\n"
            f"[ {sleep} = 0.0 ] || exec sleep {sleep}\ncat {here}/out; cat {here}/err >&2; exit {code}\n"
        )
        self._program.chmod(0o755)

    def first(self, line: str) -> None:
        """What is done before anything is said."""
        shebang, rest = self._program.read_text().split("\n", 1)
        self._program.write_text(f"{shebang}\n{line}\n{rest}")

    def calls(self) -> list[list[str]]:
        text = (self._folder / "called").read_text()
        return [call.splitlines() for call in text.split("end\n") if call]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Stand(folder, monkeypatch)


@pytest.fixture
def fetch(open_http: OpenHttp, clock: SetClock) -> Any:
    def fetch_it(account: str = "prod", scopes: tuple[str, ...] = READ_SCOPES, **more: Any) -> Bearer:
        return OidcAgent(account, scopes, **more).fetch(KnownServer(open_http("http://127.0.0.1:1"), ENDPOINTS, clock))

    return fetch_it


def test_the_account_is_asked_for_a_token_with_the_scopes_that_are_needed(stand: Stand, fetch: Any) -> None:
    token = jwt({"iss": ISSUER, "sub": "me", "scope": "iam:admin.read"})
    stand.says(f"{token}\n{ISSUER}\n1795657337\n")

    bearer = fetch("prod", WRITE_SCOPES)

    assert (token, "me") == (bearer.value.reveal(), bearer.subject)
    options = ["--all", "--name=iac", "--time=120", "--scope=iam:admin.read iam:admin.write"]
    assert [[*options, "--", "prod"]] == stand.calls()


def test_all_scopes_are_asked_for_by_none_and_an_audience_by_name(stand: Stand, fetch: Any) -> None:
    stand.says(f"{jwt({'iss': ISSUER})}\n{ISSUER}\n0\n")
    fetch("prod", (), audience="https://wlcg.cern.ch/jwt/v1/any")

    assert [
        ["--all", "--name=iac", "--time=120", "--aud=https://wlcg.cern.ch/jwt/v1/any", "--", "prod"]
    ] == stand.calls()


def test_the_agent_gets_no_secret_of_iac(stand: Stand, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAC_AGE_IDENTITY", ISSUER)
    stand.says(f"{jwt({'iss': ISSUER})}\n{ISSUER}\n0\n")
    stand.first('test -z "$IAC_AGE_IDENTITY" || exit 1')

    assert fetch().issuer == ISSUER


def test_a_token_that_says_no_issuer_is_its_account_s(stand: Stand, fetch: Any) -> None:
    stand.says(f"opaque\n{ISSUER}\n0\n")

    assert fetch().issuer == ISSUER


def test_a_token_of_another_issuer_is_not_sent(
    stand: Stand, open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    stand.says("opaque\nhttps://elsewhere.example.org/\n0\n")
    session = LoginSession(open_http(new_box.url), Issuer.parse(new_box.issuer), OidcAgent("a", READ_SCOPES), clock)

    with pytest.raises(CredentialsError, match="another issuer's"):
        session.send(Call.read("/iam/api/clients"))

    assert ["/.well-known/openid-configuration"] == [path for _, path, _ in new_box.log]


def test_a_refused_token_is_asked_for_anew_once(
    stand: Stand, open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    stand.says(f"opaque\n{new_box.issuer}\n0\n")
    session = LoginSession(open_http(new_box.url), Issuer.parse(new_box.issuer), OidcAgent("a", ()), clock)

    assert session.send(Call.read("/iam/api/clients")).status == 401
    assert [False, True] == ["--force-new" in call for call in stand.calls()]


def test_an_account_is_never_taken_for_an_option(stand: Stand, fetch: Any) -> None:
    stand.says(f"opaque\n{ISSUER}\n0\n")
    fetch("--id-token; rm -rf x")

    assert stand.calls()[0][-2:] == ["--", "--id-token; rm -rf x"]


def test_what_the_agent_says_is_told_and_inert(stand: Stand, fetch: Any) -> None:
    stand.says("", "Error: invalid_scope:\x1b[2J no\nmore " + "x" * 999, 1)

    with pytest.raises(CredentialsError, match="oidc-agent gives no token") as caught:
        fetch()

    assert caught.value.why.startswith("it says: Error: invalid_scope:\\u001b[2J no more xxx")
    assert len(caught.value.why) < 330
    assert caught.value.fix == "load the account: oidc-add prod; it needs the scopes iam:admin.read"


def test_an_agent_that_is_not_running_is_started(stand: Stand, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OIDC_SOCK")
    stand.says("", "", 1)

    with pytest.raises(CredentialsError) as caught:
        fetch()

    assert ("it says: nothing", "start the agent in this shell: eval $(oidc-agent-service use)") == (
        caught.value.why,
        caught.value.fix,
    )


def test_an_agent_that_is_not_installed_is_told(tmp_path: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CredentialsError) as caught:
        fetch()

    assert "not installed" in caught.value.why
    assert "oidc-agent-cli" in caught.value.fix


def test_an_agent_that_cannot_be_run_is_told(tmp_path: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "oidc-token"
    program.write_bytes(b"no program")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CredentialsError) as caught:
        fetch()

    assert caught.value.why == "Exec format error"


def test_an_agent_that_waits_for_somebody_is_not_waited_for_without_end(stand: Stand, fetch: Any) -> None:
    stand.says("", sleep=30.0)

    with pytest.raises(CredentialsError) as caught:
        fetch(patience=0.2)

    assert caught.value.why.startswith("no answer within 0 s")
    assert caught.value.fix == "load the account first: oidc-add prod"


@pytest.mark.parametrize("out", ["", "\n", "token only\n"])
def test_an_answer_of_another_kind_is_no_token(stand: Stand, fetch: Any, out: str) -> None:
    stand.says(out)

    with pytest.raises(CredentialsError, match="gives no token") as caught:
        fetch()

    assert "--all" in caught.value.why


def test_a_token_that_has_ended_is_not_sent(stand: Stand, fetch: Any) -> None:
    stand.says(f"{jwt({'iss': ISSUER, 'exp': 1})}\n{ISSUER}\n1\n")

    with pytest.raises(CredentialsError, match="has expired") as caught:
        fetch()

    assert caught.value.where == "oidc-token prod"
