"""Requests that arrive and wait: a test that stops a command in the middle decides when the middle ends."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iac.sandbox.message import Request, Response
    from iac.sandbox.server import Sandbox

SECONDS = 30.0


def wait_until(happened: Callable[[], bool]) -> None:
    """Look until it has happened; a test that waits in vain fails."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Gate:
    """Requests that it holds are counted as they arrive, and again when the server has done them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._arrived = 0
        self._done = 0

    def open(self) -> None:
        """Let the held requests go on, and those that come."""
        self._open.set()

    def wait_for(self, count: int) -> None:
        """Until so many requests stand before it."""
        wait_until(lambda: self._arrived >= count)

    def wait_for_effects(self) -> None:
        """Until the server has done everything that it held."""
        wait_until(lambda: self._done == self._arrived)

    def passing(self, answer: Callable[[Request], Response], request: Request) -> Response:
        """Hold one request, then have it answered."""
        with self._lock:
            self._arrived += 1
        self._open.wait(SECONDS)
        try:
            return answer(request)
        finally:
            with self._lock:
                self._done += 1


@contextmanager
def held(sandbox: Sandbox, method: str, path: str, *, skip: int = 0) -> Iterator[Gate]:
    """A gate before requests of this method and path, but for the first `skip` of them; open at the end."""
    gate, server, left = Gate(), sandbox.server, skip
    answer, lock = server.answer, threading.Lock()

    def is_held(request: Request) -> bool:
        nonlocal left
        if (request.method, request.path) != (method, path):
            return False
        with lock:
            left -= 1
            return left < 0

    def guarded(request: Request) -> Response:
        return gate.passing(answer, request) if is_held(request) else answer(request)

    server.answer = guarded  # type: ignore[method-assign]  # the server's one way to its IAM
    try:
        yield gate
    finally:
        gate.open()
        server.answer = answer  # type: ignore[method-assign]
