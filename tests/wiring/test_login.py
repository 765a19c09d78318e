"""From `auth` of iac.yaml to a way of logging in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.cli.context import CommandContext
from iac.config.project import load_project
from iac.core.errors import CredentialsError, InputError
from iac.core.secret import Secret
from iac.providers.bearer import Bearer
from iac.wiring import login_client_id, open_login, pinned_issuer
from tests.config.given import PROJECT, write

if TYPE_CHECKING:
    from pathlib import Path

    from iac.config.settings import Settings

SCOPES = ("iam:admin.read",)


def settings_of(root: Path, auth: str) -> Settings:
    text = "\n".join(line for line in PROJECT.splitlines() if not line.startswith("auth"))
    write(root, {"iac.yaml": f"{text}\nauth: {auth}\n"})
    return load_project(root).settings(None)


@pytest.mark.parametrize(
    ("auth", "said", "secrets"),
    [
        (
            "{method: client_credentials, client_id: a, client_secret: {env: S}}",
            ("client_credentials by client_secret_post", "a"),
            1,
        ),
        ("{method: device, client_id: a}", ("device code, client a", "a"), 0),
        (
            "{method: device, client_id: {env: ID}, client_secret: {env: S}}",
            ("device code, client from-env", "from-env"),
            1,
        ),
        ("{method: oidc-agent, account: prod, audience: any}", ("oidc-agent, account prod", ""), 0),
        ("{method: token, token: {env: S}}", ("token", ""), 1),
        ("{method: wlcg}", ("wlcg", ""), 0),
    ],
)
def test_each_way_is_opened_and_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str, said: tuple[str, str], secrets: int
) -> None:
    monkeypatch.setenv("S", "hush")
    monkeypatch.setenv("ID", "from-env")
    settings = settings_of(tmp_path, auth)
    login = open_login(settings, SCOPES, CommandContext())

    assert said == (login.kind, login_client_id(settings))
    assert secrets == len(settings.login_secrets)
    login.forget(Bearer(Secret("any")))


@pytest.mark.parametrize(
    ("auth", "summary"),
    [("{method: token, token: {env: NOT_SET}}", "auth.token is not set"), ("{method: wlcg}", "no bearer token")],
)
def test_a_token_is_looked_for_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str, summary: str
) -> None:
    for name in ("BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 4_000_000)
    login = open_login(settings_of(tmp_path, auth), SCOPES, CommandContext())

    with pytest.raises((InputError, CredentialsError), match=summary):
        login.find()  # type: ignore[attr-defined]  # what it does when a token is needed


def test_settings_without_a_login_are_refused(tmp_path: Path) -> None:
    settings = replace(settings_of(tmp_path, "{method: wlcg}"), auth=None)

    with pytest.raises(InputError, match="has no auth"):
        open_login(settings, SCOPES, CommandContext())


@pytest.mark.parametrize("account", ["-f", "a b", ""])
def test_an_account_that_could_be_an_option_is_refused_by_the_schema(tmp_path: Path, account: str) -> None:
    with pytest.raises(InputError):
        settings_of(tmp_path, f"{{method: oidc-agent, account: '{account}'}}")


def test_an_issuer_that_is_pinned_to_nothing_is_refused() -> None:
    assert (pinned_issuer({}), pinned_issuer({"IAC_ISSUER": "i"})) == ("", "i")
    with pytest.raises(InputError, match="empty"):
        pinned_issuer({"IAC_ISSUER": ""})
