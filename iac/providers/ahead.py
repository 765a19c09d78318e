"""Pages of a list that are read before anybody asks for them, while this process reads files.

The threads are daemons: a server that does not answer keeps no command from ending, with a mistake in a file or Ctrl-C.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread

from iac.providers.pages import ListPage

MOST = 20
"""Pages that are read ahead at most: what nobody asks for is little, and so is what they take in memory."""

_PATIENCE = 0.5
"""Seconds for requests on their way to end before their connections are closed."""

_Key = tuple[int, int]


class PagesAhead:
    """Pages on their way. Each is given once, and what went wrong with it is raised where it is asked for.

    Args:
        fetch: one page by its first index and size.
        first: the page that tells how many entries there are.
        wanted: the pages to read then, by that number.
        parallelism: pages at once, at most.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], ListPage],
        first: _Key,
        wanted: Callable[[int], Sequence[range]],
        parallelism: int,
    ) -> None:
        self._fetch = fetch
        self._first = first
        self._wanted = wanted
        self._parallelism = parallelism
        self._pages: dict[_Key, Future[ListPage]] = {}
        self._queue: deque[tuple[_Key, Future[ListPage]]] = deque()
        self._threads: list[Thread] = []

    def start(self, log_in: Callable[[], None]) -> None:
        """Log in, then read; where no thread can be started, nothing is read ahead."""
        future = self._pages[self._first] = Future()
        if not self._spawn(lambda: self._lead(log_in, future)):
            self._pages.clear()

    def take(self, first: int, count: int) -> ListPage | None:
        """A page that is read ahead, waited for; None for one that is not.

        Raises:
            IacError: reading it failed.
        """
        future = self._pages.pop((first, count), None)
        return future.result() if future else None  # limit: each request ends by its deadline

    def close(self) -> None:
        """Read no more pages, and wait a moment for those on their way."""
        self._queue.clear()
        ends = time.monotonic() + _PATIENCE
        for thread in tuple(self._threads):
            thread.join(max(0.0, ends - time.monotonic()))

    def _lead(self, log_in: Callable[[], None], future: Future[ListPage]) -> None:
        log_in()
        try:
            page = self._fetch(*self._first)
            self._queue.extend(self._prepared(page.total))
        except BaseException as error:
            future.set_exception(error)
            return
        # Not before the others are in place: who is given this page asks for them next.
        future.set_result(page)
        for _ in range(min(self._parallelism, len(self._queue)) - 1):
            self._spawn(self._work)
        self._work()

    def _prepared(self, total: int) -> Iterator[tuple[_Key, Future[ListPage]]]:
        for span in self._wanted(total)[:MOST]:
            key = (span.start, len(span))
            self._pages[key] = Future()
            yield key, self._pages[key]

    def _work(self) -> None:
        while self._queue:
            with suppress(IndexError):  # another thread took the last
                key, future = self._queue.popleft()
                try:
                    future.set_result(self._fetch(*key))
                except BaseException as error:
                    future.set_exception(error)

    def _spawn(self, work: Callable[[], None]) -> bool:
        thread = Thread(target=work, name="read-ahead", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads: the others do it
            return False
        self._threads.append(thread)
        return True
