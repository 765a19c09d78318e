from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from iac.backends.age import AgeVault
from iac.backends.keyfile import stored_identity
from iac.cli import run
from iac.config.project import load_project

ISSUER = "https://iam.example.org/"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IAC_AGE_IDENTITY", raising=False)
    folder = tmp_path / "rucio"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def init(*options: str) -> int:
    return run(["init", "--issuer", ISSUER, *options])


def test_a_new_project_is_valid_and_has_a_state_of_its_own(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == init()
    settings = load_project(root).settings()
    assert ("rucio", ISSUER, "iam-admin") == (settings.project, settings.issuer, settings.provider)
    assert 0 == run(["state", "list"])
    assert "no clients are in state yet" in capsys.readouterr().err


def test_the_next_command_opens_secrets_without_further_settings(root: Path, tmp_path: Path) -> None:
    assert 0 == init()
    recipients = load_project(root).settings().state.recipients
    AgeVault(recipients, lambda: stored_identity("rucio", os.environ)).check()
    key = tmp_path / "config/iac/identities/rucio.txt"
    assert 0o600 == stat.S_IMODE(key.stat().st_mode)


def test_the_identity_is_outside_of_the_project_and_only_named(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == init()
    said = "".join(capsys.readouterr())
    assert str(tmp_path / "config/iac/identities/rucio.txt") in said
    assert "IAC_AGE_IDENTITY" in said
    assert "AGE-SECRET-KEY" not in said
    assert [] == [path for path in root.rglob("*") if path.is_file() and "AGE-SECRET-KEY" in path.read_text()]


def test_an_identity_that_is_there_is_used(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == init()
    first = load_project(root).settings().state.recipients
    other = tmp_path / "other"
    other.mkdir()
    assert 0 == run(["-C", str(other), "init", "--issuer", ISSUER, "--project", "rucio"])
    assert first == load_project(other).settings().state.recipients
    assert "took the age identity" in capsys.readouterr().out


def test_each_project_has_a_lineage_of_its_own(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert 0 == init()
    assert 0 == run(["-C", str(other), "init", "--issuer", ISSUER])
    assert load_project(root).settings().state.lineage != load_project(other).settings().state.lineage


def test_state_and_outputs_are_ignored_by_version_control(root: Path) -> None:
    (root / ".gitignore").write_text("*.swp\n/out/")
    assert 0 == init()
    assert ["*.swp", "/out/", ".iac/"] == (root / ".gitignore").read_text().splitlines()
    subprocess.run(["git", "init", "--quiet"], check=True)
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert [".gitignore", "iac.yaml"] == [word for word in status if word != "??"]


def test_lines_of_gitignore_are_not_repeated(root: Path) -> None:
    (root / ".gitignore").write_text(".iac/\n/out/\n")
    assert 0 == init()
    assert ".iac/\n/out/\n" == (root / ".gitignore").read_text()


def test_a_project_that_is_there_is_left_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "iac.yaml").write_text("project: mine\n")
    assert 1 == init()
    assert "there is a project already" in capsys.readouterr().err
    assert "project: mine\n" == (root / "iac.yaml").read_text()
    assert ["iac.yaml"] == [path.name for path in root.iterdir()]


def test_a_state_that_is_there_is_left_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ".iac").mkdir()
    (root / ".iac/state.json").write_text("{}")
    assert 1 == init()
    assert "there is a state already" in capsys.readouterr().err
    assert [".iac"] == [path.name for path in root.iterdir()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--issuer", "ftp://iam.example.org"], "issuer"),
        (["--issuer", "http://iam.example.org/"], "https"),
        (["--issuer", "https://iam.example.org/ x"], "issuer"),
        (["--issuer", "https://iam.example.org/}\nauth: x"], "issuer"),
        (["--project", "a b"], "project"),
        (["--project", "x" * 65], "project"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_and_nothing_is_written(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert 1 == init(*options)
    assert said in capsys.readouterr().err
    assert [] == list(root.iterdir())
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("name", ["true", "NULL", "1.10", "0x1F", "007", "a.b-c_d", "1e3"])
def test_a_name_that_looks_like_another_value_stays_a_name(root: Path, name: str) -> None:
    assert 0 == init("--project", name)
    assert name == load_project(root).settings().project


@pytest.mark.parametrize("arguments", [["init"], ["init", "--provider", "rfc7591"], ["init", "--isuer", "x"]])
def test_wrong_usage_is_told(root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert 64 == run(arguments)
    assert "error:" in capsys.readouterr().err
    assert [] == list(root.iterdir())


def test_on_a_terminal_it_asks(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", ISSUER])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    assert 0 == run(["init"])
    settings = load_project(root).settings()
    assert ("rucio", ISSUER) == (settings.project, settings.issuer)


def test_a_key_file_inside_the_project_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "config"))
    assert 1 == init()
    assert "would be inside the project" in capsys.readouterr().err
    assert [] == list(root.iterdir())


def test_a_folder_that_cannot_be_written_to_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK or Path(path) != Path())
    assert 1 == init()
    assert "cannot be written to" in capsys.readouterr().err
    assert [] == list(root.iterdir())


@pytest.mark.parametrize("name", ["clients.d", ".gitignore"])
def test_something_else_in_the_place_of_a_file_is_told_and_the_state_can_be_made_later(
    root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    if name == ".gitignore":
        (root / name).mkdir()
    else:
        (root / name).write_text("a file")
    assert 1 == init()
    error = capsys.readouterr().err
    assert name in error
    assert "iac state init" in error
    assert 0 == run(["state", "init"])
    assert 0 == run(["state", "list"])
