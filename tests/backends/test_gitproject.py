"""The way to a remote: by name, URL or path, with the settings that the project's own repository has for it."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from iac.backends.git import GitPlace
from iac.backends.git.branch import open_git
from iac.core.errors import InputError, UnreachableError
from tests.backends.githttp import serve
from tests.backends.gitremote import BRANCH, PATH, Server, git

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "tok3n-of-ci"
LOGIN = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server.make(tmp_path / "server")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, and a user with no settings but those that a test writes."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    path = tmp_path / "project"
    path.mkdir()
    git(path, "init", "--quiet", ".")
    return path


def write(project: Path, remote: str, data: bytes = b"one") -> None:
    """Put a document there."""
    cell = open_git(project, GitPlace(remote, BRANCH, PATH))[0]
    cell.swap(data, cell.read())


class TestAddress:
    """Which repository it is."""

    def test_a_name_is_a_remote_of_the_repository_that_the_project_lies_in(self, server: Server, project: Path) -> None:
        git(project, "remote", "add", "upstream", str(server.repository))
        folder = project / "iac"
        folder.mkdir()
        write(folder, "upstream")
        assert "one" == server.read()

    def test_it_is_where_that_remote_is_pushed_to(self, server: Server, project: Path, tmp_path: Path) -> None:
        git(project, "remote", "add", "origin", str(tmp_path / "mirror.git"))
        git(project, "remote", "set-url", "--push", "origin", str(server.repository))
        write(project, "origin")
        assert "one" == server.read()

    @pytest.mark.parametrize("rule", ["insteadOf", "pushInsteadOf"])
    def test_an_address_is_rewritten_once(self, server: Server, project: Path, rule: str) -> None:
        """What comes out of a rule is not put into it again."""
        git(project, "remote", "add", "origin", "x:remote.git")
        git(project, "config", "--global", f"url.{server.folder}/.{rule}", "x:")
        git(project, "config", "--global", "url./nowhere/.insteadOf", f"{server.folder}/")
        git(project, "config", "--global", "url./nowhere/.pushInsteadOf", f"{server.folder}/")
        write(project, "origin")
        assert "one" == server.read()

    def test_the_address_of_another_repository_is_rewritten_by_rules_of_the_project(
        self, server: Server, project: Path
    ) -> None:
        git(project, "config", f"url.{server.folder}/.insteadOf", "x:")
        write(project, "x:remote.git")
        assert "one" == server.read()

    @pytest.mark.parametrize("is_remote", [False, True])
    def test_a_relative_path_starts_at_the_top_of_the_repository(
        self, server: Server, project: Path, *, is_remote: bool
    ) -> None:
        folder = project / "deep" / "er"
        folder.mkdir(parents=True)
        git(project, "remote", "add", "origin", "../server/remote.git")
        write(folder, "origin" if is_remote else "../server/remote.git")
        assert "one" == server.read()

    def test_the_state_may_be_in_the_project_s_own_repository(self, project: Path) -> None:
        before = git(project, "status", "--porcelain", "--branch")
        git(project, "remote", "add", "origin", ".")
        write(project, "origin")
        assert "one" == git(project, "cat-file", "blob", f"{BRANCH}:{PATH}")
        assert before == git(project, "status", "--porcelain", "--branch")

    def test_a_url_needs_no_repository_around_the_project(self, server: Server, tmp_path: Path) -> None:
        write(tmp_path, str(server.repository))
        assert "one" == server.read()

    def test_a_name_needs_one(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is in no usable git repository") as caught:
            write(tmp_path, "origin")
        assert str(tmp_path) in caught.value.where
        assert "not a git repository" in caught.value.why
        assert "state.repository" in caught.value.fix

    def test_a_remote_that_is_not_there_is_told_with_those_that_are(self, project: Path) -> None:
        with pytest.raises(InputError, match="no such remote") as caught:
            write(project, "origin")
        assert "it has none" == caught.value.why
        git(project, "remote", "add", "upstream", "x:y")
        git(project, "remote", "add", "fork.me", "x:y")
        with pytest.raises(InputError, match="no such remote") as caught:
            write(project, "origin")
        assert "its remotes: fork.me, upstream" == caught.value.why
        assert "git remote add origin URL" in caught.value.fix

    def test_settings_that_cannot_be_read_are_told_in_git_s_words(self, project: Path) -> None:
        (project / ".git" / "config").write_text("[core\n")
        with pytest.raises(InputError, match="is in no usable git repository") as caught:
            write(project, "origin")
        assert "bad config line 1" in caught.value.why

    def test_an_option_in_the_place_of_an_address_is_none(self, project: Path, tmp_path: Path) -> None:
        marker = tmp_path / "marker"
        for remote in (
            f"--upload-pack=touch {marker};/x",
            f"ext::touch {marker} /x",
            f"ssh://-oProxyCommand=touch${{IFS}}{marker}/x",
        ):
            with pytest.raises((InputError, UnreachableError)):
                write(project, remote)
        assert not marker.exists()


class TestTransport:
    """Settings of the project's repository, of its user and of the environment."""

    def test_the_token_that_ci_left_in_the_checkout_is_sent_once(
        self, server: Server, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As actions/checkout leaves it; and no list of processes shows it."""
        with serve(server.folder, LOGIN) as (url, sent):
            git(project, "remote", "add", "origin", f"{url}/remote.git")
            git(project, "config", f"http.{url}/.extraheader", f"AUTHORIZATION: {LOGIN}")
            log = _logged(tmp_path, monkeypatch)
            write(project, "origin")
        assert "one" == server.read()
        assert [LOGIN] in sent
        assert all(headers in ([], [LOGIN]) for headers in sent)
        assert "push" in log.read_text()
        assert TOKEN not in log.read_text()
        assert LOGIN.split()[1] not in log.read_text()

    @pytest.mark.parametrize("scope", ["--global", "--local"])
    def test_a_setting_that_is_seen_anyway_is_not_sent_twice(self, server: Server, project: Path, scope: str) -> None:
        with serve(server.folder, LOGIN) as (url, sent):
            git(project, "config", scope, "http.extraheader", f"Authorization: {LOGIN}")
            write(project, f"{url}/remote.git")
        assert "one" == server.read()
        assert [LOGIN] in sent
        assert all(headers in ([], [LOGIN]) for headers in sent)

    def test_a_file_that_is_included_for_the_project_s_repository_counts(
        self, server: Server, project: Path, tmp_path: Path
    ) -> None:
        with serve(server.folder, LOGIN) as (url, _):
            (tmp_path / "work").write_text(f"[http]\nextraHeader = Authorization: {LOGIN}\n")
            git(project, "config", "--global", f"includeIf.gitdir:{project}/.path", str(tmp_path / "work"))
            write(project, f"{url}/remote.git")
        assert "one" == server.read()

    def test_settings_of_the_environment_count(
        self, server: Server, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.extraHeader")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"Authorization: {LOGIN}")
        with serve(server.folder, LOGIN) as (url, _):
            write(project, f"{url}/remote.git")
        assert "one" == server.read()

    def test_a_credential_helper_of_the_project_is_asked(self, server: Server, project: Path) -> None:
        helper = f"!f() {{ echo username=x-access-token; echo password={TOKEN}; }}; f"
        git(project, "config", "credential.helper", helper)
        with serve(server.folder, LOGIN) as (url, _):
            write(project, f"{url}/remote.git")
        assert "one" == server.read()

    def test_user_and_password_of_a_url_are_used_and_not_told(self, server: Server, project: Path) -> None:
        with serve(server.folder, LOGIN) as (url, _):
            address = url.replace("://", f"://x-access-token:{TOKEN}@")
            git(project, "remote", "add", "origin", f"{address}/remote.git")
            write(project, "origin")
            git(project, "remote", "add", "gone", f"{address}/gone.git")
            with pytest.raises(UnreachableError) as caught:
                write(project, "gone")
        assert "one" == server.read()
        assert "/gone.git" in caught.value.why
        assert TOKEN not in str(caught.value)

    def test_nobody_is_asked_where_nothing_is_set(
        self, server: Server, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asker = tmp_path / "asker"
        asker.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho x\n")
        asker.chmod(0o755)
        for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
            monkeypatch.setenv(name, str(asker))
        monkeypatch.setenv("DISPLAY", ":0")
        with serve(server.folder, LOGIN) as (url, _), pytest.raises(UnreachableError) as caught:
            write(project, f"{url}/remote.git")
        assert "could not read Username" in caught.value.why
        assert not (tmp_path / "asked").exists()

    def test_ssh_is_told_not_to_ask(self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        log = tmp_path / "log"
        _program(tmp_path / "bin", "ssh", f'echo "$@" >> {log}; exit 255', monkeypatch)
        monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
        with pytest.raises(UnreachableError):
            write(project, "git@git.example.org:x.git")
        assert "-o BatchMode=yes -o ConnectTimeout=15 " in log.read_text()

    @pytest.mark.parametrize("way", ["setting", "GIT_SSH", "GIT_SSH_COMMAND"])
    def test_the_ssh_that_somebody_set_is_used(
        self, server: Server, project: Path, way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if way == "setting":
            git(project, "config", "core.sshCommand", str(server.ssh))
        else:
            monkeypatch.setenv(way, str(server.ssh))
        write(project, server.url)
        assert "one" == server.read()

    def test_programs_that_a_remote_names_are_run_at_its_server(
        self, server: Server, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_SSH_COMMAND", str(server.ssh))
        git(project, "remote", "add", "origin", server.url)
        git(project, "config", "remote.origin.receivepack", "env MARK=1 git-receive-pack")
        write(project, "origin")
        assert "env" in server.calls()


class TestIdentity:
    """Whose name is on a commit."""

    def test_it_is_the_user_s(self, server: Server, project: Path) -> None:
        git(project, "config", "user.name", "Ada <Lovelace>")
        git(project, "config", "user.email", "ada@example.org")
        write(project, str(server.repository))
        assert "Ada Lovelace <ada@example.org>" == _author(server)

    def test_it_is_iac_where_none_is_set(self, server: Server, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        git(project, "config", "user.useConfigOnly", "true")
        for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "EMAIL"):
            monkeypatch.delenv(name, raising=False)
        write(project, str(server.repository))
        assert "iac <iac@localhost>" == _author(server)


class TestSurroundings:
    """What a user's settings and a hook's environment must not do."""

    def test_settings_for_people_do_not_disturb(self, server: Server, project: Path, tmp_path: Path) -> None:
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        for name in ("pre-push", "reference-transaction", "post-commit"):
            (hooks / name).write_text('#!/bin/sh\ncase "$GIT_DIR" in */iac-run-git-*) exit 1 ;; esac\n')
            (hooks / name).chmod(0o755)
        (tmp_path / "gitconfig").write_text(
            f"[core]\nhooksPath = {hooks}\nautocrlf = true\n[commit]\ngpgSign = true\n[push]\ngpgSign = true\n"
            "followTags = true\n[gpg]\nprogram = false\n[fetch]\nprune = false\n[color]\nui = always\n"
            "[init]\ntemplateDir = /nowhere\n[gc]\nauto = 1\n[i18n]\ncommitEncoding = latin1\n[http]\nsslVerify\n"
        )
        write(project, str(server.repository), b"a\r\nb\n")
        write(project, str(server.repository), b"c\r\nd\n")
        assert b"c\r\nd\n" == _bytes(server)

    def test_it_works_inside_a_hook_of_another_repository(
        self, server: Server, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git(project, "remote", "add", "origin", str(server.repository))
        other = Server.make(tmp_path / "other")
        for name, value in {
            "GIT_DIR": other.repository, "GIT_WORK_TREE": tmp_path, "GIT_INDEX_FILE": tmp_path / "index",
            "GIT_OBJECT_DIRECTORY": other.repository / "objects", "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z", "GIT_QUARANTINE_PATH": "x", "GIT_PREFIX": "iac/",
            "GIT_NAMESPACE": "n", "GIT_TRACE": "1", "GIT_CONFIG_PARAMETERS": "'core.bare'='false'",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, str(value))
        write(project, "origin")
        monkeypatch.undo()
        assert "one" == server.read()
        assert {} == other.refs()
        assert not git(server.repository, "log", "-1", "--format=%ad", BRANCH).startswith("Mon Jan 1")


def _author(server: Server) -> str:
    author, committer = git(server.repository, "log", "-1", "--format=%an <%ae>%n%cn <%ce>", BRANCH).splitlines()
    assert author == committer
    return author


def _bytes(server: Server) -> bytes:
    return subprocess.check_output(["git", "cat-file", "blob", f"{BRANCH}:{PATH}"], cwd=server.repository)


def _program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is found before the real one."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def _logged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the arguments of each git go, those that git runs itself with them."""
    log = folder / "arguments"
    _program(folder / "bin", "git", f'echo "$@" >> {log}; exec {shutil.which("git")} "$@"', monkeypatch)
    return log
