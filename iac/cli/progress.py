"""Progress for people and logs: a line for each thing that has ended, and one live line on a terminal."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import click
from msgspec import Struct, field

from iac.core.text import printable
from iac.ports.progress import Progress
from iac.views.words import counted

_TICK = 1.0
"""Seconds between two drawings of the live line, for its time left."""
_LOGGED = 10.0
"""Seconds between two lines of a log about work that prints nothing for each thing."""
_MINUTE = 60
_ERASE = "\r\x1b[K"


class _Work(Struct):
    """So many things to do; those done, failed and, in the order of their beginning, in flight."""

    total: int
    noun: str
    verb: str
    began: float
    done: int = 0
    failed: int = 0
    names: dict[str, None] = field(default_factory=dict)
    reason: str = ""

    def line(self, now: float) -> str:
        """All of it in one line: done of all, in flight, failed, time left, and who is waited for."""
        parts = [f"{self.done:,} of {counted(self.total, self.noun)} {self.verb}"] if self.total else []
        parts += [f"{len(self.names):,} in flight"] if self.names else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        spent = now - self.began
        if 0 < self.done < self.total and spent > _TICK:
            parts.append(f"about {_span(spent / self.done * (self.total - self.done))} left")
        return printable(", ".join([*parts, *([self.reason] if self.reason else [])]))


def _span(seconds: float) -> str:
    return f"{round(seconds / _MINUTE)} min" if seconds > 2 * _MINUTE else f"{max(1, round(seconds))} s"


def tell_nothing(_: object) -> tuple[str, bool]:
    """Nothing is printed of what has ended."""
    return "", False


class ShownProgress(Progress, Struct):
    """Prints what has ended, and draws the live line.

    Attributes:
        tell: what is printed of a result, "" for nothing, and whether it has failed.
        to_stderr: whether these lines go to stderr, because stdout carries a document.
        is_live: whether stderr is a terminal on which a line is drawn.
        is_quiet: whether stderr gets nothing.
    """

    tell: Callable[[object], tuple[str, bool]] = tell_nothing
    to_stderr: bool = False
    is_live: bool = False
    is_quiet: bool = False
    _work: _Work | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _over: threading.Event = field(default_factory=threading.Event)
    _logged: float = 0.0

    def begin(self, total: int, noun: str, verb: str = "done") -> None:
        """Count from here."""
        with self._lock:
            is_first, self._logged = self._work is None, time.monotonic()
            self._work = _Work(total, noun, verb, self._logged)
            if is_first and self.is_live:
                self._over.clear()
                threading.Thread(target=self._tick, name="iac-progress", daemon=True).start()
            self._draw()

    def enter(self, name: str) -> None:
        """One more in flight."""
        with self._lock:
            if self._work:
                self._work.names[name] = None
                self._draw()

    def leave(self, name: str, result: object = None) -> None:
        """Print what became of it, at once: the log of a run that is killed shows how far it was."""
        with self._lock:
            text, is_failed = self.tell(result)
            if work := self._work:
                work.names.pop(name, None)
                work.done += 1
                work.failed += is_failed
                work.reason = ""
            if text and not (self.to_stderr and self.is_quiet):
                self._print(text, to_stderr=self.to_stderr)
            elif work and not text and time.monotonic() - self._logged >= _LOGGED:
                self._logged = time.monotonic()
                self._log(work.line(self._logged))
            self._draw()

    def wait(self, reason: str) -> None:
        """Say who is waited for."""
        with self._lock:
            if self.is_live and self._work:
                self._work.reason = reason
                self._draw()
            elif self.is_live:
                self._print(printable(reason), to_stderr=True)
            else:
                self._log(printable(reason))

    def end(self) -> None:
        """Take the live line away."""
        with self._lock:
            self._write(_ERASE)
            self._work = None
            self._over.set()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is printed meanwhile stands above the live line."""
        with self._lock:
            self._write(_ERASE)
            yield
            self._draw()

    def _log(self, line: str) -> None:
        if not (self.is_live or self.is_quiet):
            self._print(line, to_stderr=True)

    def _print(self, text: str, *, to_stderr: bool) -> None:
        # A stream that is closed must not end the work; whoever prints the result meets it again and says so.
        with self.aside(), suppress(OSError, ValueError):
            click.echo(text, err=to_stderr, color=True)

    def _draw(self) -> None:
        if self._work:
            width = shutil.get_terminal_size().columns - 1
            self._write(_ERASE + self._work.line(time.monotonic())[:width])

    def _write(self, text: str) -> None:
        if self.is_live and self._work:
            with suppress(OSError, ValueError):
                sys.stderr.write(text)
                sys.stderr.flush()

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                self._draw()


class NestedProgress(Progress):
    """That of one of several environments: it shares the one live line, which counts environments."""

    def __init__(self, outer: Progress, name: str) -> None:
        self._outer, self._name = outer, name

    def wait(self, reason: str) -> None:
        """Say who is waited for, and where."""
        self._outer.wait(f"{self._name}: {reason}")

    def aside(self) -> AbstractContextManager[None]:
        """What is printed meanwhile stands above the live line."""
        return self._outer.aside()
