"""Settings of iac.yaml as values, and where secrets come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iac.backends.file import FilePlace
from iac.config.definitions import load_environment, validate_project
from iac.config.project import load_project
from iac.config.settings import StateSettings
from iac.core.errors import InputError
from iac.core.limits import LARGEST_SECRET
from iac.core.secret import Secret
from iac.ports.site import SourceKind, ValueSource
from iac.providers.logins.settings import ClientCredentialsAuth, TokenAuth, WlcgAuth
from tests.config.given import PROJECT, RECIPIENT, write
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

    from iac.config.settings import Settings


BASIC = "token_endpoint_auth_method: client_secret_basic}"


def settings(root: Path, text: str, environment: str | None = None) -> Settings:
    return load_project(write(root, {"iac.yaml": text})).settings(environment)


def test_the_smallest_project_has_the_usual_settings(tmp_path: Path) -> None:
    found = settings(tmp_path, PROJECT)
    assert ("demo", "default", "https://iam.example.org/", "iam-admin") == (
        found.project, found.environment, found.issuer, found.provider,
    )  # fmt: skip
    assert (
        ClientCredentialsAuth(
            ValueSource("auth.client_id", SourceKind.ENV, "IAC_CLIENT_ID"),
            ValueSource("auth.client_secret", SourceKind.ENV, "IAC_CLIENT_SECRET"),
            "client_secret_post",
        )
        == found.auth
    )
    assert StateSettings(FilePlace(".iac/state.json")) == found.state
    assert (8, 30.0, None, (), "") == (
        found.parallelism, found.timeout, found.clients, found.scopes, found.login_client_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{method: wlcg}", WlcgAuth()),
        ("{method: token, token: {file: t}}", TokenAuth(ValueSource("auth.token", SourceKind.FILE, "t"))),
        (
            "{method: client_credentials, client_id: iac, client_secret: {file: s}, " + BASIC,
            ClientCredentialsAuth(
                ValueSource("auth.client_id", SourceKind.LITERAL, "iac"),
                ValueSource("auth.client_secret", SourceKind.FILE, "s"),
                "client_secret_basic",
            ),
        ),
    ],
)
def test_ways_to_log_in(auth: str, expected: object, tmp_path: Path) -> None:
    lines = [line for line in PROJECT.splitlines() if not line.startswith("auth")]
    assert expected == settings(tmp_path, "\n".join([*lines, f"auth: {auth}"])).auth


def test_state_is_encrypted_to_recipients_or_said_to_be_clear(tmp_path: Path) -> None:
    text = (
        f"state: {{path: s.json, lineage: abcdefgh, encryption: {{recipients: [{RECIPIENT}], identity: {{env: KEY}}}}}}"
    )
    found = settings(tmp_path, PROJECT + text).state
    identity = ValueSource("state.encryption.identity", SourceKind.ENV, "KEY")
    assert StateSettings(FilePlace("s.json"), (RECIPIENT,), identity, is_clear=False, lineage="abcdefgh") == found
    clear = settings(tmp_path, PROJECT + "state: {encryption: none}").state
    assert StateSettings(FilePlace(".iac/state.json"), is_clear=True) == clear


def test_an_environment_overrides_and_its_state_is_merged_key_by_key(tmp_path: Path) -> None:
    text = f"""\
{PROJECT}state: {{encryption: {{recipients: [{RECIPIENT}]}}}}
parallelism: 4
timeout: 2
scopes: [eos]
environments:
  dev: {{issuer: "http://localhost:8080/", auth: {{method: wlcg}}, state: {{lineage: abcdefgh}}}}
  prod:
"""
    dev, prod = settings(tmp_path, text, "dev"), settings(tmp_path, text, "prod")
    assert ("http://localhost:8080/", WlcgAuth()) == (dev.issuer, dev.auth)
    assert StateSettings(FilePlace(".iac/dev.state.json"), (RECIPIENT,), lineage="abcdefgh") == dev.state
    assert ("https://iam.example.org/", FilePlace(".iac/prod.state.json"), "") == (
        prod.issuer, prod.state.place, prod.state.lineage,
    )  # fmt: skip
    assert (4, 2.0, ("eos",)) == (dev.parallelism, dev.timeout, prod.scopes)


def source(origin: SourceKind, name: str) -> ValueSource:
    return ValueSource("auth.client_secret", origin, name)


def test_a_value_is_read_from_its_place_without_white_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" hunter2\n")
    assert Secret("hunter2") == source(SourceKind.FILE, "key").read({}, tmp_path)
    assert Secret("hunter2") == source(SourceKind.FILE, str(tmp_path / "key")).read({}, tmp_path)
    assert Secret("hunter2") == source(SourceKind.ENV, "KEY").read({"KEY": "hunter2\n"}, tmp_path)
    assert Secret("iac") == source(SourceKind.LITERAL, "iac").read({}, tmp_path)


@every(
    "origin, name, summary, fix",
    [
        (SourceKind.ENV, "KEY", "auth.client_secret is not set", "export KEY=..."),
        (SourceKind.ENV, "EMPTY", "auth.client_secret is empty", "export EMPTY=..."),
        (SourceKind.FILE, "missing", "auth.client_secret cannot be read", "write the value to missing, chmod 600"),
        (SourceKind.FILE, "empty", "auth.client_secret is empty", "write the value to empty, chmod 600"),
        (SourceKind.FILE, "folder", "auth.client_secret cannot be read", "write the value to folder, chmod 600"),
        (SourceKind.FILE, "binary", "auth.client_secret is not text", "write the value to binary, chmod 600"),
        (SourceKind.LITERAL, " ", "auth.client_secret is empty", "set auth.client_secret in iac.yaml"),
    ],
)
def test_a_value_that_cannot_be_had_is_said(
    origin: SourceKind, name: str, summary: str, fix: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as raised:
        source(origin, name).read({"EMPTY": " "}, tmp_path)
    assert (summary, fix) == (raised.value.summary, raised.value.fix)
    assert raised.value.where


def test_no_more_is_read_of_a_file_than_a_secret_can_be_long(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x" * (LARGEST_SECRET + 10))
    assert LARGEST_SECRET == len(source(SourceKind.FILE, "key").read({}, tmp_path).reveal())


def test_a_place_is_described_without_its_value() -> None:
    assert "environment variable KEY" == source(SourceKind.ENV, "KEY").describe()
    assert "file key" == source(SourceKind.FILE, "key").describe()
    assert "auth.client_secret in iac.yaml" == source(SourceKind.LITERAL, "hunter2").describe()


def test_a_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(0o640)
    assert source(SourceKind.FILE, "key").is_open_to_others(tmp_path)
    path.chmod(0o600)
    assert not source(SourceKind.FILE, "key").is_open_to_others(tmp_path)
    assert not source(SourceKind.FILE, "missing").is_open_to_others(tmp_path)
    assert not source(SourceKind.ENV, "KEY").is_open_to_others(tmp_path)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{method: client_credentials, client_id: {file: key}, client_secret: {file: key}}", ["auth.client_secret"]),
        ("{method: token, token: {file: key}}", ["auth.token"]),
        ("{method: wlcg}", []),
    ],
)
def test_commands_warn_of_secrets_that_others_can_read_and_validate_looks_at_none(
    auth: str, expected: list[str], tmp_path: Path
) -> None:
    lines = [line for line in PROJECT.splitlines() if not line.startswith("auth")]
    state = "state: {encryption: {identity: {file: key}}}"
    write(tmp_path, {"iac.yaml": "\n".join([*lines, f"auth: {auth}", state])})
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o644)
    _, _, warnings = load_environment(load_project(tmp_path))
    assert ["secret-open-to-others"] * (len(expected) + 1) == [each.id for each in warnings]
    assert {*expected, "state.encryption.identity"} == {each.summary.split()[2] for each in warnings}
    assert () == validate_project(tmp_path).diagnostics


def test_the_home_folder_can_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("hunter2")
    assert Secret("hunter2") == source(SourceKind.FILE, "~/key").read({}, tmp_path / "elsewhere")
