from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from iac.backends.age import AgeVault
from iac.backends.git import GitPlace
from iac.cli import run
from iac.config.project import load_project
from iac.providers.logins.settings import ClientCredentialsAuth, InitialAccessTokenAuth, TokenAuth
from iac.sealing import stored_identity

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


@pytest.mark.parametrize(
    ("provider", "auth"),
    [
        ("iam-admin", ClientCredentialsAuth),
        ("iam-self-service", TokenAuth),
        ("rfc7591", InitialAccessTokenAuth),
    ],
)
def test_each_provider_has_a_login_that_fits(root: Path, provider: str, auth: type) -> None:
    assert 0 == init("--provider", provider)
    settings = load_project(root).settings()
    assert provider == settings.provider
    assert isinstance(settings.auth, auth)
    assert 0 == run(["fmt", "--check"])


@pytest.mark.parametrize("arguments", [["init"], ["init", "--provider", "rfc7591"], ["init", "--isuer", "x"]])
def test_wrong_usage_is_told(root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert 64 == run(arguments)
    assert "error:" in capsys.readouterr().err
    assert [] == list(root.iterdir())


def hub(root: Path) -> Path:
    """A bare repository that the folder's own has as its remote origin."""
    bare = root.parent / "hub.git"
    for arguments in (
        ["init", "--quiet", "--bare", str(bare)],
        ["init", "--quiet", str(root)],
        ["-C", str(root), "remote", "add", "origin", "../hub.git"],
    ):
        subprocess.run(["git", *arguments], check=True)
    return bare


def branches(repository: Path) -> list[str]:
    command = ["git", "-C", str(repository), "for-each-ref", "--format=%(refname)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


class TestGit:
    def test_the_state_is_a_file_in_a_branch_of_origin(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        bare = hub(root)
        assert 0 == init("--backend", "git")
        assert "an empty state, rucio/default.json in branch iac-state of origin" in capsys.readouterr().out
        place = load_project(root).settings().state.place
        assert GitPlace("origin", "iac-state", "rucio/default.json") == place
        assert ["refs/heads/iac-state"] == branches(bare)
        assert [] == branches(root)
        assert 0 == run(["state", "list"])
        assert {"iac.yaml", ".gitignore", "clients.d", ".git"} == {path.name for path in root.iterdir()}

    def test_without_a_repository_or_its_remote_nothing_is_written(
        self, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 1 == init("--backend", "git")
        assert "fix: git init" in capsys.readouterr().err
        subprocess.run(["git", "init", "--quiet"], check=True)
        assert 1 == init("--backend", "git")
        assert "fix: git remote add origin URL" in capsys.readouterr().err
        assert [".git"] == [path.name for path in root.iterdir()]
        assert not (tmp_path / "config").exists()

    def test_a_remote_that_cannot_be_reached_is_told_and_nothing_is_written(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub(root).rename(root.parent / "elsewhere")
        assert 6 == init("--backend", "git")
        assert "cannot be read" in capsys.readouterr().err
        assert [".git"] == [path.name for path in root.iterdir()]

    def test_a_state_of_somebody_else_in_its_place_is_left_alone(
        self, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub(root)
        other = tmp_path / "other"
        subprocess.run(["git", "clone", "--quiet", str(tmp_path / "hub.git"), str(other)], check=True)
        assert 0 == init("--backend", "git")
        again = ["-C", str(other), "init", "--issuer", ISSUER, "--backend", "git", "--project"]
        assert 1 == run([*again, "rucio"])
        assert "there is a state already: rucio/default.json in branch iac-state" in capsys.readouterr().err
        assert [".git"] == [path.name for path in other.iterdir()]
        assert 0 == run([*again, "fts"])
        assert 0 == run(["state", "list"])

    @pytest.mark.slow
    def test_other_environments_and_backends_get_their_state_by_state_init(
        self, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        hub(root)
        subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "state.git")], check=True)
        assert 0 == init("--backend", "git")
        text = (root / "iac.yaml").read_text()
        text, _, lineage = text.partition("  lineage: ")
        (root / "iac.yaml").write_text(
            f"{text}environments:\n  default: {{state: {{lineage: {lineage.strip()}}}}}\n  dev:\n"
            "  far: {state: {backend: git, repository: ../state.git}}\n"
        )
        for name, branch in (("dev", "origin"), ("far", "../state.git")):
            capsys.readouterr()
            assert 0 == run(["--env", name, "state", "init"])
            assert f"{name}, rucio/{name}.json in branch iac-state of {branch}" in capsys.readouterr().out
            assert 0 == run(["--env", name, "state", "list"])
            assert 1 == run(["--env", name, "state", "init"])
            assert "there is a state already" in capsys.readouterr().err


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
def test_something_else_in_the_place_of_a_file_is_told_and_the_project_can_be_made_later(
    root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    if name == ".gitignore":
        (root / name).mkdir()
    else:
        (root / name).write_text("a file")
    assert 1 == init()
    error = capsys.readouterr().err
    assert name in error
    assert "then run iac init again" in error
    (root / name).rename(root / "elsewhere")
    assert 0 == init()
    assert 0 == run(["state", "list"])
