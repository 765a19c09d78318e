"""Reading a list in pages, several in flight.

IAM's list is sorted by client_id and is no snapshot (rec: admin-list-paging): while it is read, an entry may be
skipped or come twice. Here every position up to the newest total is covered by what was received, not by what was
asked for; who needs certainty about one client reads that client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from msgspec import Struct

from iac.core.errors import UnreachableError
from iac.core.limits import LARGEST_LIST
from iac.core.server import switch
from iac.ports.progress import Progress
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


def gather_told(
    work: Callable[[T], R], items: Sequence[T], parallelism: int, progress: Progress, verb: str
) -> Iterator[R]:
    """As `gather`, with clients for items; `verb` is what happens to them, for whoever waits."""
    if items:
        progress.begin(len(items), "client", verb)
    for result in gather(work, items, parallelism):
        yield result
        progress.leave("")
    progress.end()


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
