"""Python processes of iac's own that answer questions under limits of memory and time.

The process is started at the first question and again after a failure. It sees no file that is open here and next to
nothing of the environment (`iac.process`).
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic

from iac.process import LONGEST_OUTPUT, Child, Command, Failure, Process, ProcessError, Talk, end, start

_LENGTH = 8  # bytes of a number in a message
_WHOLE, _NO_MEMORY = b"=", b"m"
_GRACE = 2  # seconds after its limit at which a process ends itself, should nobody be there to end it
_BOOT = """\
import json, sys
settings = json.loads(sys.argv[1])
sys.path[:] = settings["path"]
from iac.worker import serve
serve(settings["function"], settings["memory"])
"""
"""What a worker runs first. `python -I` keeps out what the environment and the folder would add to the path."""


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

    def ask(self, question: bytes, *, seconds: float, limit: int = LONGEST_OUTPUT) -> bytes:
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
        talk = Talk(process, head + question, limit + _LENGTH + 1)
        talk.until(monotonic() + seconds, _is_message)
        if not _is_message(talk.out):
            raise ProcessError(Failure.ENDED)
        if talk.out[_LENGTH : _LENGTH + 1] == _NO_MEMORY:
            raise ProcessError(Failure.MEMORY)
        return bytes(talk.out[_LENGTH + 1 :])

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
