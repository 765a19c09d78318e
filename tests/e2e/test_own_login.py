"""A person's own login in the place of the project's, and how it is forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_logins import AUTH, DEVICE, Terminal, cage, terminal
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import Project
    from tests.e2e.test_canary import Cage

__all__ = ["cage", "terminal"]
PEOPLE = "{method: device, client_id: people, client_secret: {env: PEOPLE_SECRET}}"


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def own(cage: Cage, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a login for the sandbox, outside of a project that has the login of a pipeline."""
    assert terminal.told == []
    project = cage.project
    project.edit("iac.yaml", DEVICE, AUTH)
    home = project.root.parent / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("IAC_AUTH_FILE", raising=False)
    file = home / "iac/auth.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"https://iam.other.example/: {{method: oidc-agent, account: x}}\n{project.sandbox.issuer}: {PEOPLE}\n"
    )
    return file


def test_a_person_uses_the_own_login_and_forgets_it(cage: Cage, own: Path, terminal: Terminal) -> None:
    shown = cage.iac("whoami", "--format", "json")
    assert ("device code, client people", str(own)) == (shown.json()["login"], shown.json()["auth"])
    assert f"auth           {own}" in cage.iac("whoami").out
    assert cage.iac("plan").code == 0
    terminal.keep()
    assert cage.iac("apply", "--auto-approve").code == 0
    terminal.keep()
    asked = len(terminal.told)
    assert cage.iac("plan").code == 0
    assert asked == len(terminal.told)
    issuer = cage.project.sandbox.issuer
    ended = cage.iac("logout")
    assert (0, f"forgot 2 logins: {issuer}\n") == (ended.code, ended.out)
    assert "no tokens are kept here\n" == cage.iac("logout").out
    assert [] == list((cage.project.root.parent / "cache/iac/tokens").glob("*.json"))
    assert cage.iac("plan").code == 0
    assert asked + 1 == len(terminal.told)
    assert [issuer] == json.loads(cage.iac("logout", "--all", "--format", "json").out)["forgotten"]


def test_without_an_entry_or_with_an_empty_variable_iac_yaml_counts(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "auth.yaml"
    file.write_text("https://iam.other.example/: {method: oidc-agent, account: x}\n")
    monkeypatch.setenv("IAC_AUTH_FILE", str(file))
    assert "auth           iac.yaml" in project.iac("whoami").out
    file.write_text(f"{project.sandbox.issuer}: {{method: oidc-agent, account: x}}\n")
    assert "oidc-agent" in project.iac("whoami").err
    monkeypatch.setenv("IAC_AUTH_FILE", "")
    assert project.iac("whoami").code == 0


@every(
    "text, words",
    [
        (
            "ISSUER: {method: client_credentials, client_id: a, client_secret: {env: X}}",
            "must be one of oidc-agent, device",
        ),
        ("ISSUER: {method: devise, client_id: a}", "did you mean device?"),
        ("ISSUER: {method: device}", "client_id is missing"),
        ("iam: {method: device, client_id: a}", "the name iam"),
        ("- method: device", "must be a mapping"),
        ("{}", "auth.yaml:1:1"),
        ("ISSUER: {method: device, client_id: a", "auth.yaml:"),
    ],
)
def test_a_mistake_in_the_file_has_its_place(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    file = tmp_path / "auth.yaml"
    file.write_text(text.replace("ISSUER", project.sandbox.issuer))
    monkeypatch.setenv("IAC_AUTH_FILE", str(file))
    ended = project.iac("plan")
    assert ended.code == 1
    assert words in ended.err
    assert f"{file}:" in ended.err


def test_a_file_that_is_not_there_or_not_safe_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "auth.yaml"
    monkeypatch.setenv("IAC_AUTH_FILE", str(file))
    assert "the file of logins cannot be read" in project.iac("plan").err
    file.write_text(f"{project.sandbox.issuer}: {{method: oidc-agent, account: x}}\n")
    file.chmod(0o666)
    assert "others can write to the file of logins" in project.iac("plan").err
    monkeypatch.setenv("IAC_AUTH_FILE", str(project.root / "auth.yaml"))
    project.write("auth.yaml", "{}")
    assert "the file of logins is in the project" in project.iac("plan").err


def test_environments_of_one_server_ask_once(cage: Cage, terminal: Terminal) -> None:
    """Side by side they would ask twice for the same login."""
    project = cage.project
    text = project.read("iac.yaml")
    at = text.index("state:")
    states = "".join(f"  {name}: {{state: {{path: .iac/{name}.json}}}}\n" for name in ("prod", "dev"))
    rest = "\n".join(line for line in text[at:].splitlines() if "lineage" not in line and "path:" not in line)
    project.write("iac.yaml", f"{text[:at]}{rest}\nenvironments:\n{states}")
    for name in ("prod", "dev"):
        assert project.iac("--env", name, "state", "init").code == 0
    ended = cage.iac("plan", "--all-envs")
    assert ended.code == 0, ended.out + ended.err
    terminal.keep()
    assert 1 == len(terminal.told)
