"""Running git: which one, how long, and what comes back."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from iac import git as gitcommand
from iac.backends.git import GitPlace
from iac.backends.git.branch import open_git
from iac.core.errors import InputError
from iac.git import Git, without_userinfo
from iac.process import Child, environment
from tests.backends.gitremote import BRANCH, PATH

if TYPE_CHECKING:
    from pathlib import Path


def stand_in(folder: Path, script: str) -> Git:
    """A program in the place of git."""
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    return Git(folder, {"PATH": f"{folder}:{os.environ['PATH']}"})


def test_where_there_is_no_git_the_error_says_which_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git cannot be run") as caught:
        open_git(tmp_path, GitPlace("origin", BRANCH, PATH))[0].read()
    assert "No such file or directory: git" == caught.value.why
    assert "install git 2.31 or newer" == caught.value.fix


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("echo git version 2.30.9", "it says: git version 2.30.9"),
        ("echo git version 1.99.0", "it says: git version 1.99.0"),
        ("echo nonsense", "it says: nonsense"),
        ("echo a shell without git >&2; exit 1", "it says: a shell without git"),
    ],
)
def test_a_git_that_is_too_old_is_told_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, why: str
) -> None:
    monkeypatch.setenv("PATH", stand_in(tmp_path, says).variables["PATH"])
    with pytest.raises(InputError, match="git is too old") as caught:
        open_git(tmp_path, GitPlace("origin", BRANCH, PATH))[0].read()
    assert why == caught.value.why
    assert "install git 2.31 or newer" == caught.value.fix


@pytest.mark.parametrize("version", ["2.31.0", "2.39.5 (Apple Git-154)", "2.100.1", "3.0.0.rc1"])
def test_newer_ones_are_taken(tmp_path: Path, version: str) -> None:
    gitcommand.check_version(stand_in(tmp_path, f"echo 'git version {version}'"))


def test_its_words_are_one_printable_line_without_credentials_and_advice(tmp_path: Path) -> None:
    script = "printf 'fatal: http://ada:pw@x/y \\033[1m\\n\\nhint: try harder\\nremote: no\\n' >&2; exit 3"
    answer = stand_in(tmp_path, script).run("push")
    assert (3, r"fatal: http://x/y \u001b[1m; remote: no") == (answer.code, answer.said)


def test_a_failure_without_words_has_some(tmp_path: Path) -> None:
    assert "git push ended with 3" == stand_in(tmp_path, "exit 3").run("push").said


def test_long_words_are_cut(tmp_path: Path) -> None:
    assert 600 == len(stand_in(tmp_path, "seq 1000 >&2; exit 3").run("push").said)


def test_a_program_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitcommand, "SECONDS", 0.2)
    marker = tmp_path / "alive"
    answer = stand_in(tmp_path, f"(sleep 0.6; touch {marker}) & sleep 60").run("fetch")
    assert (gitcommand.NO_ANSWER, "git fetch gave no answer within 0.2 seconds") == (answer.code, answer.said)
    time.sleep(0.8)
    assert not marker.exists()


def test_a_connection_that_ssh_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """ControlPersist: a process of its own session that keeps the words' file open."""
    begin = time.monotonic()
    answer = stand_in(tmp_path, "setsid sleep 5 >/dev/null & echo done").run("fetch")
    assert b"done\n" == answer.out
    assert 4 > time.monotonic() - begin


def test_it_has_no_terminal_and_no_part_in_ctrl_c(tmp_path: Path) -> None:
    answer = stand_in(tmp_path, "cut -d' ' -f6 < /proc/self/stat").run("fetch")
    assert os.getsid(0) != int(answer.out)


def test_variables_of_git_stay_that_lead_to_a_server() -> None:
    given = {"GIT_SSH_COMMAND": "ssh -i k", "GIT_SSL_CAINFO": "c", "GIT_DIR": "d", "GIT_TRACE": "1", "HOME": "h"}
    found = environment(Child.GIT_REMOTE, {**given, "GIT_CONFIG_COUNT": "1", "GIT_ASKPASS": "zenity"})
    assert {"GIT_SSH_COMMAND": "ssh -i k", "GIT_SSL_CAINFO": "c", "HOME": "h"} == found


def test_it_is_told_to_ask_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE")
    monkeypatch.setenv("GIT_ASKPASS", "zenity")
    answer = stand_in(tmp_path, "echo $LC_ALL $GIT_TERMINAL_PROMPT $GIT_ASKPASS").run("push")
    assert b"C 0 false\n" == answer.out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada@x.org/y", "https://x.org/y"),
        ("a https://ada:p@ss:w@x.org/y b ssh://git@z/", "a https://x.org/y b ssh://z/"),
        ("git@x.org:y.git", "git@x.org:y.git"),
        ("https://x.org/a@b", "https://x.org/a@b"),
    ],
)
def test_a_url_is_shown_without_user_and_password(text: str, shown: str) -> None:
    assert shown == without_userinfo(text)
