"""Runs git: it never asks, never hangs, and what it says comes back without credentials."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.core.errors import InputError
from iac.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MINIMUM = (2, 31)
"""The oldest git: the first that takes settings from GIT_CONFIG_COUNT."""

SECONDS = 60.0
"""How long one command may take, the network's time with it."""

_DYING = 5.0  # seconds that a killed command gets to be gone

NO_ANSWER = -1
"""The exit code of a command that was ended because it took too long."""

_SAID = 600  # characters of git's words in a message
_KEPT = (
    "GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_ALLOW_PROTOCOL", "GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
_GIVEN_CONFIG = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_PARAMETERS")
_UNASKED = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
}
_USERINFO = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: its exit code (`NO_ANSWER`: too late), its output, and its words in one printable line."""

    code: int
    out: bytes
    said: str

    @property
    def is_ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.code == 0


def without_userinfo(text: str) -> str:
    """The text with the user and password of each URL left out."""
    return _USERINFO.sub("", text)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a git that cannot ask.

    Of the variables of git those stay that say how servers are reached and where settings are: iac may run in a hook,
    where others name a repository, an index and a date.
    """
    rest = {name: value for name, value in given.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    return {**rest, **_UNASKED}


def given_config(given: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that hold settings, as CI and `git -c` give them."""
    return {name: value for name, value in given.items() if name.startswith(_GIVEN_CONFIG)}


def as_config(entries: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as variables of an environment, where no list of processes shows them."""
    keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(entries)}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(entries)}
    return {"GIT_CONFIG_COUNT": str(len(entries)), **keys, **values}


@dataclass(frozen=True, slots=True)
class Git:
    """git with an environment, in a directory."""

    environ: Mapping[str, str]
    directory: Path

    def run(self, *arguments: str, given: bytes = b"") -> Answer:
        """Run it, with these bytes as its input.

        It has a session of its own: no terminal to ask at, no Ctrl-C, and an end for all that it started. Its words
        go to a file: a shared connection that ssh leaves behind would hold a pipe open.

        Raises:
            InputError: there is no git.
        """
        with tempfile.TemporaryFile() as words:
            process = self._start(arguments, words.fileno())
            try:
                out, _ = process.communicate(given, timeout=SECONDS)
                code = process.returncode
            except subprocess.TimeoutExpired:
                return Answer(NO_ANSWER, b"", f"git {arguments[0]} gave no answer within {SECONDS:g} seconds")
            finally:
                _end(process)
            words.seek(0)
            return Answer(code, out, _words(words.read(), f"git {arguments[0]} ended with {code}"))

    def _start(self, arguments: Sequence[str], words: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603  # no shell; what users give follows a dash or a refspec
                ["git", *arguments],  # noqa: S607  # the git of the user's path is meant
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words,
                env=self.environ, cwd=self.directory, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise InputError(
                "git cannot be run",
                where="state.backend: git",
                why=f"{error.strerror}: {error.filename}",
                fix=f"install git {_version(MINIMUM)} or newer",
            ) from None


def check_version(git: Git) -> None:
    """Refuse a git that is too old.

    Raises:
        InputError: it is, or there is none.
    """
    answer = git.run("version")
    found = re.search(rb"(\d+)\.(\d+)", answer.out)
    if not answer.is_ok or found is None or (int(found[1]), int(found[2])) < MINIMUM:
        raise InputError(
            "git is too old",
            where="state.backend: git",
            why=f"it says: {printable(answer.out.decode(errors='replace').strip()) or answer.said}",
            fix=f"install git {_version(MINIMUM)} or newer",
        )


def _version(numbers: tuple[int, int]) -> str:
    return ".".join(str(number) for number in numbers)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever still runs of it is killed, with what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # the kernel ends it as soon as the disk that it waits for answers
            process.wait(timeout=_DYING)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _words(data: bytes, otherwise: str) -> str:
    lines = (line.rstrip() for line in data.decode(errors="replace").splitlines())
    text = "; ".join(line for line in lines if line and not line.startswith("hint:"))
    return printable(without_userinfo(text))[:_SAID] or otherwise
