"""The one place that starts programs: git, oidc-token, and Python processes of iac's own.

`_VARIABLES` says which variables of the environment each kind of child gets; it gets no others. So no login, identity,
token or AWS key reaches a program that does not need it, whatever the variable's name is. A child has no terminal, a
time limit, and a limit on what it may print.

Processes of iac's own are workers, which answer questions under limits of memory and time. Each is started at the first
question and again after a failure, and sees no file that is open here.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import IO

from msgspec import Struct, field

from iac.core.limits import LARGEST_FILE


class Child(StrEnum):
    """The purpose of a process; it decides the environment."""

    GIT = "git"
    GIT_REMOTE = "git with a remote"
    AGENT = "oidc-token"
    WORKER = "Python worker"


class Failure(StrEnum):
    """Why a child gave no answer."""

    LATE = "it took too long"
    LONG = "it printed too much"
    MEMORY = "it needed too much memory"
    ENDED = "it ended without an answer"


class ProcessError(Exception):
    """A child gave no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


Process = subprocess.Popen[bytes]

_LONGEST_WORDS = 64 * 1024  # bytes of stderr that are kept
_DYING = 5.0  # seconds that a killed process gets to be gone
_POLL = 0.02  # seconds; a descendant may hold a pipe open after its parent has ended
_BLOCK = 64 * 1024

_TEXT = ("LANG", "LANGUAGE", "LC_*", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_*")
_PERSON = (*_TEXT, "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_*", "NSS_WRAPPER_*")
_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS")
_GIT = (*_PERSON, "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "KRB5CCNAME", "KRB5_CONFIG",
)  # fmt: skip
# A credential helper of git logs in at a forge; these are the variables by which forges' own helpers get their token.
_FORGE = (
    "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_HOST", "GH_CONFIG_DIR",
    "GITLAB_TOKEN", "GITLAB_HOST", "GLAB_CONFIG_DIR", "CI_JOB_TOKEN",
    "GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR",
)  # fmt: skip

_VARIABLES: Mapping[Child, tuple[str, ...]] = {
    # Questions about files: which are ignored, which branch it is. No server is asked, so no login is needed.
    Child.GIT: _GIT,
    Child.GIT_REMOTE: (
        *_GIT, *_NETWORK, *_DESKTOP, *_FORGE, "SSH_AUTH_SOCK", "SSH_AGENT_PID",
        "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_SSL_*", "GIT_HTTP_*", "GIT_PROXY_*", "GIT_ALLOW_PROTOCOL",
    ),
    Child.AGENT: (*_PERSON, *_DESKTOP, "OIDC_SOCK", "OIDCD_PID", "OIDC_CONFIG_DIR"),
    Child.WORKER: _TEXT,
}  # fmt: skip
"""Kind of child -> names of variables that it gets; `*` is any text."""


def environment(child: Child, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that this kind of child gets of an environment, by default of ours."""
    source = os.environ if variables is None else variables
    known = {
        name: value for name, value in source.items() if any(fnmatchcase(name, rule) for rule in _VARIABLES[child])
    }
    if "PATH" in known:  # an entry that is relative lies in the project, where a pull request may put a program `git`
        absolute = [entry for entry in known["PATH"].split(os.pathsep) if entry.startswith("/")]
        known["PATH"] = os.pathsep.join(absolute) or os.defpath
    return known


class Command(Struct, frozen=True):
    """A program and its arguments.

    Attributes:
        variables: of its environment, beside those of its kind or in their place.
        limit: bytes that it may print.
    """

    child: Child
    arguments: tuple[str, ...]
    directory: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    limit: int = LARGEST_FILE


class ProcessResult(Struct, frozen=True):
    """The exit code of a program and what it printed."""

    code: int
    out: bytes
    err: bytes


def run(command: Command, *, seconds: float, stdin: bytes = b"") -> ProcessResult:
    """Run a program to its end, with `stdin` as its input.

    It has a session of its own: no terminal to ask at, no Ctrl-C, and an end for all that it started. What it leaves
    behind in a session of its own, such as a shared connection of ssh, is not waited for.

    Raises:
        ProcessError: it took too long or printed too much; it was killed.
        OSError: it cannot be started.
    """
    process = start(command, is_silent=False)
    try:
        exchange = PipeExchange(process, stdin, command.limit, is_last=True)
        exchange.until(monotonic() + seconds, lambda _: False)
        return ProcessResult(process.returncode, bytes(exchange.out), bytes(exchange.err))
    finally:
        end(process)


def start(command: Command, *, is_silent: bool) -> Process:
    """Start a program; `is_silent` drops what it says on stderr.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(  # noqa: S603  # a list, no shell
        command.arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if is_silent else subprocess.PIPE,
        env={**environment(command.child), **command.variables},
        cwd=command.directory,
        start_new_session=True,
    )


def end(process: Process) -> None:
    """Kill what still runs of it, with all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # the kernel ends it as soon as the disk that it waits for answers
            process.wait(timeout=_DYING)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


class PipeExchange:
    """What a process is told and what it answers, by its pipes. No wait is without an end.

    Args:
        process: with pipes.
        stdin: what it is told.
        limit: bytes that it may print.
        is_last: nothing more follows: the process finds the end of its input after what was given.
    """

    def __init__(self, process: Process, stdin: bytes, limit: int, *, is_last: bool = False) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self._process = process
        self._rest = memoryview(stdin)
        self._limit = limit
        self._is_last = is_last
        self._open: set[IO[bytes]] = set()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                os.set_blocking(pipe.fileno(), False)
                self._open.add(pipe)

    def until(self, deadline: float, is_whole: Callable[[bytearray], bool]) -> None:
        """Go on until the output is whole or the process has ended."""
        while not is_whole(self.out):
            left = deadline - monotonic()
            if left <= 0:
                raise ProcessError(Failure.LATE)
            is_over = self._process.poll() is not None
            if not self._step(0 if is_over else min(left, _POLL)) and is_over:
                return

    def _step(self, seconds: float) -> bool:
        """Move what can be moved within this time; whether anything was read."""
        if not self._open - {self._process.stdin}:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return False
        was_read = False
        with selectors.DefaultSelector() as selector:
            for pipe in self._open:
                is_input = pipe is self._process.stdin
                if not is_input or self._rest or self._is_last:
                    selector.register(pipe, selectors.EVENT_WRITE if is_input else selectors.EVENT_READ)
            for key, _ in selector.select(seconds):
                if key.fileobj is self._process.stdin:
                    self._write(self._process.stdin)
                else:
                    was_read |= self._read(key.fileobj)  # type: ignore[arg-type]  # what was registered
        return was_read

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            self._rest = self._rest[os.write(pipe.fileno(), self._rest[:_BLOCK]) :]
        except BrokenPipeError:
            self._rest = memoryview(b"")
            self._is_last = True
        if not self._rest and self._is_last:
            self._open.discard(pipe)
            pipe.close()

    def _read(self, pipe: IO[bytes]) -> bool:
        data = os.read(pipe.fileno(), _BLOCK)
        if not data:
            self._open.discard(pipe)
        elif pipe is self._process.stdout:
            self.out += data
            if len(self.out) > self._limit:
                raise ProcessError(Failure.LONG)
        else:
            self.err += data[: max(_LONGEST_WORDS - len(self.err), 0)]
        return bool(data)


_LENGTH = 8  # bytes of a number in a message
_WHOLE, _NO_MEMORY = b"=", b"m"
_GRACE = 2  # seconds after its limit at which a process ends itself, should nobody be there to end it
_BOOT = """\
import json, sys
settings = json.loads(sys.argv[1])
sys.path[:] = settings["path"]
from iac.process import serve
serve(settings["function"], settings["memory"])
"""
"""The first lines of a worker. `python -I` keeps out what the environment and the folder would add to the path."""


class Worker:
    """A process that answers questions.

    Args:
        function: `package.module:name`, a function from bytes to bytes; the process imports it.
        memory: bytes of address space that the process may have.
    """

    def __init__(self, function: str, *, memory: int) -> None:
        self._function = function
        self._memory = memory
        self._process: Process | None = None

    def ask(self, question: bytes, *, seconds: float, limit: int = LARGEST_FILE) -> bytes:
        """The answer to a question.

        Raises:
            ProcessError: there is no answer, or it is longer than `limit`; the process was killed.
        """
        self._process = self._process or self._start()
        try:
            return self._answer(self._process, question, seconds, limit)
        except BaseException:
            self.close()
            raise

    def _answer(self, process: Process, question: bytes, seconds: float, limit: int) -> bytes:
        head = len(question).to_bytes(_LENGTH, "big") + int(seconds + _GRACE).to_bytes(_LENGTH, "big")
        exchange = PipeExchange(process, head + question, limit + _LENGTH + 1)
        exchange.until(monotonic() + seconds, _is_message)
        if not _is_message(exchange.out):
            raise ProcessError(Failure.ENDED)
        if exchange.out[_LENGTH : _LENGTH + 1] == _NO_MEMORY:
            raise ProcessError(Failure.MEMORY)
        return bytes(exchange.out[_LENGTH + 1 :])

    def close(self) -> None:
        """End the process."""
        if self._process:
            end(self._process)
            self._process = None

    def _start(self) -> Process:
        # An empty entry is the current folder: the project, which may be that of a pull request.
        path = [str(Path(entry).absolute()) for entry in sys.path if entry]
        settings = {"path": path, "function": self._function, "memory": self._memory}
        return start(Command(Child.WORKER, (sys.executable, "-I", "-c", _BOOT, json.dumps(settings))), is_silent=True)


def serve(function: str, memory: int) -> None:
    """The worker's side: answer questions until there are no more."""
    import resource  # not on every system, and needed in a worker alone

    module, _, name = function.partition(":")
    answer: Callable[[bytes], bytes] = getattr(import_module(module), name)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    while head := sys.stdin.buffer.read(2 * _LENGTH):  # limit: it ends with the process that asks
        question = sys.stdin.buffer.read(int.from_bytes(head[:_LENGTH], "big"))
        signal.alarm(int.from_bytes(head[_LENGTH:], "big"))
        try:
            status, text = _WHOLE, answer(question)
        except MemoryError:
            status, text = _NO_MEMORY, b""
        signal.alarm(0)
        sys.stdout.buffer.write(len(text).to_bytes(_LENGTH, "big") + status + text)
        sys.stdout.buffer.flush()


def _is_message(data: bytes | bytearray) -> bool:
    return len(data) > _LENGTH and len(data) == _LENGTH + 1 + int.from_bytes(data[:_LENGTH], "big")
