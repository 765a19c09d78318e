"""Ways to log in, from iac.yaml to the server: whoami, plan and apply; and that none of them says a secret."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.jwk import ECKey

from iac.cli.context import CommandContext
from iac.sandbox.model import Client
from tests.e2e.test_canary import Cage
from tests.providers.people import CLIENT_ID, CLIENT_SECRET, add_client, code_in, decide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import Project

AUTH = "auth: {method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}"
SCOPES = ("iam:admin.read", "iam:admin.write")
DEVICE = "auth: {method: device, client_id: people, client_secret: {env: PEOPLE_SECRET}}"


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cage(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cage]:
    """A project without the login that others have, watched for secrets; its tokens are kept in the test's folder."""
    for name in ("IAC_CLIENT_ID", "IAC_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    cage = Cage(project, os.environ["IAC_AGE_IDENTITY"])
    del cage.secrets["login secret"]
    yield cage
    assert len(cage.secrets) > 1, "no token was seen"


class Terminal:
    """Somebody at the terminal who approves what is shown."""

    def __init__(self, cage: Cage, username: str = "admin") -> None:
        self._cage = cage
        self._username = username
        self.told: list[str] = []

    def say(self, text: str) -> None:
        self.told.append(text)
        if "enter the code" in text:
            world = self._cage.project.sandbox.iam.world
            for code in world.store.devices.values():
                self._cage.secrets[f"device code {len(self._cage.secrets)}"] = code.device_code
            decide(self._cage.project.sandbox.url, code_in(text), username=self._username)

    def keep(self) -> None:
        """Note the refresh tokens that the server knows now."""
        for token in self._cage.project.sandbox.iam.world.store.refresh_tokens:
            self._cage.secrets[f"refresh token {token[:4]}"] = token


@pytest.fixture
def terminal(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal(cage)
    monkeypatch.setenv("PEOPLE_SECRET", CLIENT_SECRET)
    cage.secrets["device client's secret"] = CLIENT_SECRET
    monkeypatch.setattr(CommandContext, "can_ask", lambda _: True)
    monkeypatch.setattr(CommandContext, "say", terminal.say)
    add_client(cage.project.sandbox.iam)
    cage.project.edit("iac.yaml", AUTH, DEVICE)
    return terminal


def test_a_person_plans_and_applies_by_device_code_and_no_secret_is_said(cage: Cage, terminal: Terminal) -> None:
    assert cage.iac("plan").code == 0
    terminal.keep()
    assert cage.iac("apply", "--auto-approve").code == 0
    terminal.keep()
    assert cage.iac("plan", "--detailed-exitcode").code == 0

    assert len(terminal.told) == 2
    cache = cage.project.root.parent / "cache" / "iac" / "tokens"
    kept = "".join(path.read_text() for path in cache.glob("*.json"))
    assert all(token in kept for token in cage.project.sandbox.iam.world.store.refresh_tokens)


def test_whoami_says_the_way_the_person_the_scopes_and_the_end(cage: Cage, terminal: Terminal) -> None:
    said = json.loads(cage.iac("whoami", "--format", "json").out)

    assert ("device code, client people", ["iam:admin.read", "offline_access"]) == (said["login"], said["scopes"])
    assert cage.project.sandbox.iam.world.store.accounts[said["subject"]].username == "admin"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said["expires"])
    assert len(terminal.told) == 1


def test_a_login_that_is_refused_later_is_renewed_without_a_word(cage: Cage, terminal: Terminal) -> None:
    assert cage.iac("plan").code == 0
    terminal.keep()
    cage.project.sandbox.iam.world.store.tokens.clear()

    assert cage.iac("plan").code == 0
    terminal.keep()
    assert len(terminal.told) == 1


def test_a_cache_that_others_made_a_mess_of_is_no_traceback(cage: Cage, terminal: Terminal) -> None:
    assert cage.iac("plan").code == 0
    cache = cage.project.root.parent / "cache" / "iac" / "tokens"
    for path in cache.glob("*.json"):
        path.unlink()
        path.mkdir()

    assert cage.iac("plan").code == 0
    assert "the login cannot be kept" in terminal.told[-1]


def test_a_person_without_the_rights_is_told_before_anything_is_planned(
    cage: Cage, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_username", "test")
    said = cage.iac("plan")

    assert said.code == 6
    assert "missing: iam:admin.read; IAM gives iam:admin.* to its administrators only" in said.err
    cage.secrets["stands for a token"] = "none was sent"


def test_off_a_terminal_a_person_is_not_waited_for(
    cage: Cage, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    cage.project.edit("iac.yaml", DEVICE, "auth: {method: device, client_id: people}")
    os.environ["XDG_CACHE_HOME"] = str(cage.project.root.parent / "empty")
    said = cage.project.iac("plan")
    del os.environ["XDG_CACHE_HOME"]

    assert (6, True) == (said.code, "there is no terminal" in said.err)
    assert terminal.told == []
    assert "fix: run it once at a terminal; in CI use client_credentials or private_key_jwt" in said.err


def keyed(project: Project, key: ECKey) -> None:
    store = project.sandbox.iam.world.store
    store.put(
        Client(
            key=store.new_key(),
            client_id="iac-ci",
            client_name="CI",
            token_endpoint_auth_method="private_key_jwt",
            jwk=json.dumps({"keys": [key.as_dict(private=False)]}),
            grant_types=("client_credentials",),
            scope=SCOPES,
        )
    )


@pytest.mark.parametrize("form", ["pem file", "jwk in the environment"])
def test_a_pipeline_plans_and_applies_by_its_key_and_no_secret_is_said(
    cage: Cage, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    key = ECKey.generate_key("P-256", private=True)
    keyed(cage.project, key)
    text = key.as_pem(private=True).decode()
    cage.secrets["private exponent"] = str(key.as_dict(private=True)["d"])
    cage.secrets["private key"] = text.splitlines()[1]
    if form == "pem file":
        place = "file: ../login.pem"
        path = cage.project.root.parent / "login.pem"
        path.write_text(text)
        path.chmod(0o600)
    else:
        place = "env: LOGIN_KEY"
        monkeypatch.setenv("LOGIN_KEY", json.dumps(key.as_dict(private=True)))
    cage.project.edit(
        "iac.yaml", AUTH, f"auth: {{method: private_key_jwt, client_id: iac-ci, private_key: {{{place}}}}}"
    )

    assert cage.iac("whoami").out.splitlines()[1:3] == [
        "login          client_credentials by private_key_jwt",
        "subject        iac-ci",
    ]
    assert cage.iac("apply", "--auto-approve").code == 0
    assert cage.iac("plan", "--detailed-exitcode").code == 0


def test_a_key_that_others_can_read_is_warned_of(cage: Cage) -> None:
    key = ECKey.generate_key("P-256", private=True)
    keyed(cage.project, key)
    (cage.project.root.parent / "login.pem").write_text(key.as_pem(private=True).decode())
    (cage.project.root.parent / "login.pem").chmod(0o644)
    auth = "auth: {method: private_key_jwt, client_id: iac-ci, private_key: {file: ../login.pem}}"
    cage.project.edit("iac.yaml", AUTH, auth)

    assert "../login.pem, which auth.private_key names, can be read by others" in cage.iac("plan").out


def test_a_key_that_is_none_is_told_and_not_shown(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    cage.secrets["what should have been a key"] = "Canary/of+a=key"
    monkeypatch.setenv("LOGIN_KEY", "-----BEGIN PRIVATE KEY-----\nCanary/of+a=key\n-----END PRIVATE KEY-----")
    auth = "auth: {method: private_key_jwt, client_id: iac-ci, private_key: {env: LOGIN_KEY}}"
    cage.project.edit("iac.yaml", AUTH, auth)
    said = cage.iac("plan")

    assert (1, True) == (said.code, "the private key cannot be used: environment variable LOGIN_KEY" in said.err)


def test_an_agent_s_token_is_used_and_never_said(cage: Cage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "oidc-token"
    program.parent.mkdir()
    issue = {"grant_type": "client_credentials", "client_id": "admin-client-rw", "client_secret": "secret"}
    token = _token(cage.project, issue)
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{token}' '{cage.project.sandbox.issuer}' 0\n")
    program.chmod(0o755)
    cage.secrets["agent's token"] = token
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    cage.project.edit("iac.yaml", AUTH, "auth: {method: oidc-agent, account: prod}")

    assert "login          oidc-agent, account prod" in cage.iac("whoami").out
    assert cage.iac("apply", "--auto-approve").code == 0


def _token(project: Project, form: dict[str, str]) -> str:
    from urllib.parse import urlencode
    from urllib.request import urlopen

    with urlopen(f"{project.sandbox.url}/token", urlencode(form).encode(), timeout=5) as answer:
        token: str = json.load(answer)["access_token"]
    return token


def test_every_way_that_goes_through_a_client_leaves_that_client_alone(cage: Cage, terminal: Terminal) -> None:
    """The tool's own login client is never touched, whichever way it is used."""
    cage.project.define(CLIENT_ID, grant_types=["client_credentials"])
    said: Any = cage.iac("validate")

    assert (1, True) == (said.code, "login-client" in said.out + said.err)
    cage.secrets["stands for a token"] = "none was sent"
    assert terminal.told == []
