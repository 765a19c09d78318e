"""What the adapters of state get from iac.yaml and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iac.backends.git import GitPlace, branch
from iac.backends.http import HttpPlace, document
from iac.backends.s3 import S3Place, bucket
from iac.clock import SystemClock
from iac.config.project import load_project
from iac.core.errors import InputError
from iac.core.secret import Secret
from iac.ports.site import SourceKind, ValueSource
from iac.transport.http import Transport
from iac.wiring import open_backend
from tests.config.given import PROJECT, write

if TYPE_CHECKING:
    from pathlib import Path

    from iac.backends.cell import Cell
    from iac.ports import Clock, Lock, StateBackend


def opened(root: Path, state: str) -> StateBackend:
    write(root, {"iac.yaml": f"{PROJECT}state: {{{state}}}\n"})
    return open_backend(load_project(root).settings(), SystemClock())


def test_s3_gets_place_and_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object]] = []
    real = bucket.open_s3

    def noted(place: S3Place, login: Any) -> tuple[Cell, Cell]:
        asked.append((place.where, login))
        return real(place, login)

    monkeypatch.setattr(bucket, "open_s3", noted)
    monkeypatch.setenv("ID", "key-id")
    (tmp_path / "key").write_text("canary\n")
    opened(tmp_path, "backend: s3, bucket: iac, access_key_id: {env: ID}, secret_access_key: {file: key}")
    opened(tmp_path, "backend: s3, bucket: iac, key: k, region: eu-west-1, endpoint: 'https://s3.example.org'")
    assert [
        ("s3://iac/demo/default.json", (Secret("key-id"), Secret("canary"))),
        ("s3://iac/k at https://s3.example.org", (None, None)),
    ] == asked


def test_git_gets_the_project_and_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, str, GitPlace]] = []
    real = branch.open_git

    def noted(project: Path, place: GitPlace) -> tuple[Cell, Cell]:
        asked.append((project, place.target(project), place))
        return real(project, place)

    monkeypatch.setattr(branch, "open_git", noted)
    opened(tmp_path, "backend: git")
    opened(tmp_path, "backend: git, repository: ../state.git, branch: b, path: p.json")
    assert [
        (tmp_path, "origin", GitPlace("origin", "iac-state", "demo/default.json")),
        (tmp_path, str(tmp_path.parent / "state.git"), GitPlace("origin", "b", "p.json", "../state.git")),
    ] == asked


def test_http_gets_addresses_methods_login_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[HttpPlace, object, Transport, str]] = []
    real = document.open_http

    def noted(place: HttpPlace, login: Any, clock: Clock, transport: Transport, name: str) -> tuple[Cell, Lock]:
        asked.append((place, login, transport, name))
        return real(place, login, clock, transport, name)

    monkeypatch.setattr(document, "open_http", noted)
    monkeypatch.setenv("A", "canary")
    url = "https://a.example.org/s"
    opened(tmp_path, f"backend: http, address: '{url}'")
    login = "username: iac, password: {env: A}"
    methods = "update_method: PUT, lock_method: LOCK, unlock_method: UNLOCK"
    opened(tmp_path, f"backend: http, address: '{url}', lock_address: '{url}/l', {methods}, {login}")
    lock, reach = f"{url}/lock", Transport(timeout=30.0)
    named = ValueSource("state.username", SourceKind.LITERAL, "iac"), ValueSource("state.password", SourceKind.ENV, "A")
    assert [
        (HttpPlace(url, lock, lock, "POST", "POST", "DELETE"), ("", None), reach, "default"),
        (
            HttpPlace(url, f"{url}/l", f"{url}/l", "PUT", "LOCK", "UNLOCK", *named),
            ("iac", Secret("canary")),
            reach,
            "default",
        ),
    ] == asked


@pytest.mark.parametrize(
    ("state", "setting"),
    [
        ("backend: s3, bucket: iac, access_key_id: {env: NOT_SET}, secret_access_key: {env: A}", "access_key_id"),
        ("backend: s3, bucket: iac, access_key_id: {env: A}, secret_access_key: {env: NOT_SET}", "secret_access_key"),
        ("backend: http, address: 'https://a.example.org/s', username: iac, password: {env: NOT_SET}", "password"),
        ("backend: http, address: 'https://a.example.org/s', username: {env: NOT_SET}, password: {env: A}", "username"),
    ],
)
def test_a_login_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, setting: str
) -> None:
    monkeypatch.setenv("A", "a")
    with pytest.raises(InputError) as raised:
        opened(tmp_path, state)
    assert (f"state.{setting} is not set", "export NOT_SET=...") == (raised.value.summary, raised.value.fix)
