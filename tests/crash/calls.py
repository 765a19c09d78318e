"""What a process does that outlives it - changes of files, traffic of sockets - counted, and one of them its last.

A call is named by what it does and to what, never by what it carries. Death is SIGKILL before the call, after half of
what it writes, or after it.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OF_FILES = ("open", "write", "pwrite", "ftruncate", "fsync", "fchmod", "mkdir", "link", "rename", "replace", "unlink")
GIT = ("init", "config", "fetch", "ls-remote", "cat-file", "hash-object", "mktree", "read-tree", "update-index",
       "write-tree", "commit-tree", "push")  # fmt: skip
OF_SOCKETS = ("connect", "send", "recv")
IN_PARTS = frozenset({"write", "pwrite", "send", "run"})


class Moment(StrEnum):
    """When, at a call, the process dies."""

    BEFORE = "before"
    HALF = "in the middle of"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Point:
    """A death: at the call of this number, counted from 0."""

    number: int
    moment: Moment


def points_of(labels: list[str]) -> list[Point]:
    """Every death that a run with these calls can die."""
    return [
        Point(number, moment)
        for number, label in enumerate(labels)
        for moment in Moment
        if moment is not Moment.HALF or label.split()[0] in IN_PARTS
    ]


class Calls:
    """The calls of this process so far."""

    def __init__(self, last: Point | None) -> None:
        self.labels: list[str] = []
        self._last = last
        self._lock = threading.Lock()

    def watch(self) -> None:
        """From here on every call counts."""
        os.fdopen = _unbuffered  # type: ignore[assignment]
        for name in OF_FILES:
            setattr(os, name, self._counted(name, getattr(os, name)))
        _Counted.calls = self
        subprocess.Popen = _Counted  # type: ignore[assignment,misc]
        for name in OF_SOCKETS:
            setattr(socket.socket, name, self._counted(name, getattr(socket.socket, name)))

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            moment = self.count(name, args)
            if moment is Moment.BEFORE:
                _die()
            if moment is Moment.HALF and name in IN_PARTS:
                call(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
                _die()
            try:
                return call(*args, **kwargs)
            finally:
                if moment is not None:
                    _die()

        return counted

    def count(self, name: str, args: tuple[Any, ...]) -> Moment | None:
        """Note one call; when to die at it."""
        with self._lock:
            if name == "recv" and self.labels[-1].startswith(name):
                return None  # an answer in pieces is one answer: in how many it comes is chance
            number = len(self.labels)
            self.labels.append(f"{name} {_object(args)}")
        return self._last.moment if self._last and self._last.number == number else None


class _Counted(subprocess.Popen[Any]):
    """A program that is run is one call: in the middle of it both die, as a machine does."""

    calls: Calls

    def __init__(self, args: Any, **kwargs: Any) -> None:
        self._moment = self.calls.count("run", (args,))
        if self._moment is Moment.BEFORE:
            _die()
        super().__init__(args, **kwargs)
        if self._moment is Moment.HALF:
            self.kill()
            _die()

    def poll(self) -> int | None:
        return self._ended(super().poll())

    def wait(self, timeout: float | None = None) -> int:
        code = super().wait(timeout)
        self._ended(code)
        return code

    def _ended(self, code: int | None) -> int | None:
        if code is not None and self._moment is Moment.AFTER:
            _die()
        return code


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _object(args: tuple[Any, ...]) -> str:
    first = args[0]
    if isinstance(first, list | tuple):
        return " ".join([Path(first[0]).name, *(word for word in first[1:] if word in GIT)])
    if isinstance(first, socket.socket):
        data = bytes(args[1]) if len(args) > 1 and isinstance(args[1], bytes | bytearray | memoryview) else b""
        line = data.partition(b"\r\n")[0]
        return line.decode() if line.endswith(b" HTTP/1.1") else "..."
    if isinstance(first, int):
        return Path(f"/proc/self/fd/{first}").resolve().name
    return Path(first).name


def _unbuffered(descriptor: int, mode: str) -> io.BufferedWriter:
    """`os.fdopen` as the sink calls it, over `os.write`."""
    return io.BufferedWriter(_Raw(descriptor, mode))


class _Raw(io.FileIO):
    def write(self, data: Any) -> int:
        return os.write(self.fileno(), data)
