from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.age import AgeVault
from iac.cli import run
from iac.clock import SystemClock
from iac.config.project import load_project
from iac.core.errors import StateError
from iac.core.state.model import Tombstone
from iac.sealing import new_identity, stored_identity
from iac.wiring import open_backend, open_vault
from tests.backends.given import client, intended

if TYPE_CHECKING:
    from pathlib import Path

    from iac.core.state.model import State

BARE = """\
# a comment at the top
project: rucio
issuer: https://iam.example.org/
provider: iam-admin
auth: {method: token, token: {env: TOKEN}}  # a comment beside
"""
ENVIRONMENTS = """\
project: rucio
provider: iam-admin
auth: {method: token, token: {env: TOKEN}}
environments:
  dev: {issuer: "https://dev.example.org/"}
  prod:
    # the real one
    issuer: https://iam.example.org/
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IAC_AGE_IDENTITY", raising=False)
    folder = tmp_path / "rucio"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "iac.yaml").write_text(BARE)
    return folder


def fill(root: Path, **members: object) -> State:
    """Put clients into the state of the one environment."""
    backend = open_backend(load_project(root).settings(), SystemClock())
    return backend.save(replace(backend.load(), **members))


class TestInit:
    def test_a_state_is_made_and_iac_yaml_names_lineage_and_recipient_with_comments_kept(self, root: Path) -> None:
        assert 0 == run(["state", "init"])
        state = load_project(root).settings().state
        assert state.lineage
        AgeVault(state.recipients, lambda: stored_identity("rucio", os.environ)).check()
        assert {} == fill(root).clients
        text = (root / "iac.yaml").read_text()
        assert "# a comment at the top\n" in text
        assert "# a comment beside\n" in text

    def test_the_identity_of_the_environment_comes_before_the_key_file(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert 0 == run(["state", "init"])
        vault = open_vault(load_project(root).settings())
        vault.check()
        monkeypatch.setenv("IAC_AGE_IDENTITY", new_identity()[0].reveal())
        with pytest.raises(StateError, match="not one of the state's recipients"):
            open_vault(load_project(root).settings()).check()

    def test_a_state_that_is_there_is_left_alone(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 0 == run(["state", "init"])
        before = (root / "iac.yaml").read_text(), (root / ".iac/state.json").read_text()
        assert 1 == run(["state", "init"])
        assert "there is a state already" in capsys.readouterr().err
        assert before == ((root / "iac.yaml").read_text(), (root / ".iac/state.json").read_text())

    def test_a_state_without_its_lineage_in_iac_yaml_is_left_alone(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 0 == run(["state", "init"])
        (root / "iac.yaml").write_text(BARE)
        assert 1 == run(["state", "init"])
        assert BARE == (root / "iac.yaml").read_text()
        assert 1 == run(["state", "list"])
        assert "set state.lineage in iac.yaml to" in capsys.readouterr().err

    def test_a_lineage_that_is_named_is_kept(self, root: Path) -> None:
        (root / "iac.yaml").write_text(BARE + "state: {lineage: chosen-by-hand, encryption: none}\n")
        before = (root / "iac.yaml").read_text()
        assert 0 == run(["state", "init"])
        assert before == (root / "iac.yaml").read_text()
        assert "chosen-by-hand" == fill(root).lineage

    def test_without_encryption_no_identity_is_made(self, root: Path, tmp_path: Path) -> None:
        (root / "iac.yaml").write_text(BARE + "state: {encryption: none}\n")
        assert 0 == run(["state", "init"])
        assert not (tmp_path / "config").exists()
        assert load_project(root).settings().state.is_clear

    def test_recipients_that_are_named_are_kept(self, root: Path, tmp_path: Path) -> None:
        (root / "iac.yaml").write_text(BARE + "state: {encryption: {recipients: [ssh-ed25519 AAAA]}}\n")
        assert 0 == run(["state", "init"])
        assert ("ssh-ed25519 AAAA",) == load_project(root).settings().state.recipients
        assert not (tmp_path / "config").exists()

    def test_each_environment_has_a_state_of_its_own(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (root / "iac.yaml").write_text(ENVIRONMENTS)
        assert 0 == run(["--env", "dev", "state", "init"])
        assert 0 == run(["--env", "prod", "state", "init"])
        project = load_project(root)
        assert project.settings("dev").state.lineage != project.settings("prod").state.lineage
        assert project.settings("dev").state.recipients == project.settings("prod").state.recipients
        assert 0 == run(["--env", "prod", "state", "list"])
        assert "# the real one\n" in (root / "iac.yaml").read_text()
        capsys.readouterr()
        assert 1 == run(["state", "list"])
        assert "--env" in capsys.readouterr().err

    def test_a_project_that_is_not_there_is_told(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (root / "iac.yaml").unlink()
        assert 1 == run(["state", "init"])
        assert "iac init" in capsys.readouterr().err


class TestList:
    def test_addresses_are_listed_with_what_is_known_of_their_secret(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 0 == run(["state", "init"])
        plain = replace(client("b"), secret=None, secret_status=client("b").secret_status.NONE)
        grave = Tombstone("d", client("id-d"), "2026-11-23T12:00:00Z")
        fill(
            root,
            clients={"wlcg/a": client("id-a"), "b": plain},
            intents={"c": intended("c").intent},
            tombstones=(grave,),
        )
        capsys.readouterr()
        assert 0 == run(["state", "list"])
        out, err = capsys.readouterr()
        assert [
            "b       b     secret none",
            "wlcg/a  id-a  secret known (sensitive), version 1 since 2026-11-23T12:00:00Z",
        ] == out.splitlines()
        assert "wlcg/c: create of 2026-11-23T12:00:00Z was interrupted" in err
        assert "iac state restore d" in err
        assert "c2VhbGVk" not in out

    def test_json_has_everything_but_secrets(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 0 == run(["state", "init"])
        grave = Tombstone("d", client("id-d"), "2026-11-23T12:00:00Z")
        members = {"intents": {"c": intended("c").intent}, "tombstones": (grave,)}
        state = fill(root, clients={"wlcg/a": client("id-a")}, **members)
        capsys.readouterr()
        assert 0 == run(["state", "list", "--format", "json"])
        out = capsys.readouterr().out
        known = {"value": "(sensitive)", "status": "known", "version": 1, "since": "2026-11-23T12:00:00Z"}
        secret = {**known, "ends": None, "recipients": []}
        assert {
            "serial": 1,
            "lineage": state.lineage,
            "clients": [{"address": "wlcg/a", "client_id": "id-a", "secret": secret, "predecessors": []}],
            "intents": [{"address": "wlcg/c", "action": "create", "at": "2026-11-23T12:00:00Z"}],
            "deleted": [{"address": "d", "client_id": "id-d", "at": "2026-11-23T12:00:00Z"}],
        } == json.loads(out)
        assert "c2VhbGVk" not in out

    def test_a_state_that_is_not_there_is_told(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert (root / "iac.yaml").exists()
        assert 1 == run(["state", "list"])
        assert "fix: for a new state run iac state init" in capsys.readouterr().err

    def test_a_damaged_state_is_told_without_a_traceback(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 0 == run(["state", "init"])
        fill(root)
        (root / ".iac/state.json").write_text('{"kind":')
        assert 1 == run(["state", "list"])
        assert "cp -p .iac/state.json.backup .iac/state.json" in capsys.readouterr().err


class TestShow:
    @pytest.fixture
    def filled(self, root: Path, capsys: pytest.CaptureFixture[str]) -> Path:
        assert 0 == run(["state", "init"])
        fill(root, clients={"wlcg/a": replace(client("id-a"), owners=("uuid-1", "uuid-2")), "b": client("b")})
        capsys.readouterr()
        return root

    def test_one_address_is_shown_and_its_secret_is_not(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert filled.exists()
        assert 0 == run(["state", "show", "wlcg/a"])
        out = capsys.readouterr().out
        shown = [line.split() for line in out.splitlines()]
        assert ["wlcg/a", "client_id", "id-a"] == shown[0]
        for line in (
            ["secret", "known", "(sensitive),", "version", "1", "since", "2026-11-23T12:00:00Z"],
            ["secret_serial", "1"],
            ["prevent_destroy", "false"],
            ["owners", "uuid-1", "uuid-2"],
            ["grant_types", "authorization_code"],
            ["reuse_refresh_token", "true"],
        ):
            assert line in shown
        assert "c2VhbGVk" not in out

    def test_owners_that_are_not_declared_are_said_so(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert filled.exists()
        assert 0 == run(["state", "show", "b"])
        assert ["owners", "not", "declared"] in [line.split() for line in capsys.readouterr().out.splitlines()]

    def test_json_has_everything_but_the_secret(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert filled.exists()
        assert 0 == run(["state", "show", "wlcg/a", "--format", "json"])
        out = capsys.readouterr().out
        shown = json.loads(out)
        assert "(sensitive)" == shown["secret"]["value"]
        assert ["authorization_code"] == shown["applied"]["grant_types"]
        assert "c2VhbGVk" not in out

    @pytest.mark.parametrize(("address", "fix"), [("wlcg/b", "did you mean wlcg/a?"), ("zzz", "iac state list")])
    def test_an_unknown_address_is_told_with_the_nearest(
        self, filled: Path, capsys: pytest.CaptureFixture[str], address: str, fix: str
    ) -> None:
        assert filled.exists()
        assert 1 == run(["state", "show", address])
        assert fix in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["state", "show"], ["state", "lst"], ["state", "list", "--fromat", "json"]])
def test_wrong_usage_is_told(root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert root.exists()
    assert 64 == run(arguments)
    assert "error:" in capsys.readouterr().err
