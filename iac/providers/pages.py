"""Reading a list in pages, several in flight, and the first of them before anybody asks.

IAM's list is sorted by client_id and is no snapshot (rec: admin-list-paging): while it is read, an entry may be
skipped or come twice. Here every position up to the newest total is covered by what was received, not by what was
asked for; who needs certainty about one client reads that client.

Threads that read ahead, while this process reads files, are daemons: a server that does not answer keeps no command
from ending, with a mistake in a file or Ctrl-C.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from threading import Thread
from typing import Any, TypeVar

from msgspec import Struct

from iac.core.errors import UnreachableError
from iac.core.limits import LARGEST_LIST
from iac.core.server import switch
from iac.providers.answer import read_failure
from iac.providers.base import LoginSession
from iac.transport.message import Call

T = TypeVar("T")
R = TypeVar("R")

_ROUNDS = 20


class ListPage(Struct, frozen=True):
    """One page: how many entries there are in all, and those of this page."""

    total: int
    entries: Sequence[Mapping[str, Any]]

    @classmethod
    def parse(cls, body: Any) -> ListPage | None:
        """IAM's list answer (`totalResults`, `Resources`); None when it is none."""
        if not isinstance(body, dict):
            return None
        total, entries = body.get("totalResults"), body.get("Resources")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return None
        if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= LARGEST_LIST:
            return None
        return cls(total, entries)


def read_page(session: LoginSession, path: str, first: int, count: int, scope: str = "") -> ListPage:
    """One page of an IAM's list, by its first index and size; `scope` is what reading it needs.

    Raises:
        IacError: the server refuses, or answers something else.
    """
    call = Call.read(f"{path}?count={count}&startIndex={first}")
    answer = session.send(call)
    page = ListPage.parse(answer.json()) if answer.is_ok else None
    if page is None:
        raise read_failure(call, answer, scope)
    return page


def gather(work: Callable[[T], R], items: Sequence[T], parallelism: int) -> Iterator[R]:
    """`work` for each item, `parallelism` at a time; results in the order of the items, the first error ends it.

    Work in threads should wait, not compute: what computes there keeps the others from their sockets. Compute on the
    results, which come while later items are still on their way.
    """
    if len(items) <= 1 or parallelism == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(min(parallelism, len(items))) as pool:  # limit: each request ends by its deadline
        yield from pool.map(work, items)


def read_list(
    fetch: Callable[[int, int], ListPage],
    total: int,
    keep: Callable[[Mapping[str, Any]], T | None],
    parallelism: int = 1,
) -> list[T]:
    """Read a list; the results of `keep` for its entries, None left out.

    Args:
        fetch: one page by its first index and size.
        total: entries that there are to begin with.
        keep: called for each entry.
        parallelism: pages at once, at most.

    Raises:
        UnreachableError: the list grows faster than it is read.
    """
    start = switch("first-index")
    kept: list[T] = []
    end = start + total
    for _ in range(_ROUNDS):
        newest = 0
        for page in chain.from_iterable(gather(partial(_cover, fetch), page_spans(start, end), parallelism)):
            kept.extend(made for made in map(keep, page.entries) if made is not None)
            newest = max(newest, page.total)
        start, end = end, switch("first-index") + newest
        if end <= start:
            return kept
    raise UnreachableError(
        "the server's list grows while it is read, and does not end",
        fix="find out what registers clients all the time, then run it again",
    )


def page_spans(start: int, end: int) -> list[range]:
    """The indexes of each page from `start` to before `end`."""
    size = switch("page-size")
    return [range(first, min(first + size, end)) for first in range(start, end, size)]


def _cover(fetch: Callable[[int, int], ListPage], span: range) -> list[ListPage]:
    pages: list[ListPage] = []
    start = span.start
    while start < span.stop:
        page = fetch(start, span.stop - start)
        pages.append(page)
        if not page.entries:
            break
        start += len(page.entries)
    return pages


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
