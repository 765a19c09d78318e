"""Pages that are read before anybody asks: each once, with its own error, and never in the way of an end."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from iac.core.errors import UnreachableError
from iac.providers.pages import MOST, ListPage, PagesAhead, page_spans
from tests.providers.test_pages import ListServer, names


def ahead(server: ListServer, parallelism: int = 4) -> PagesAhead:
    return PagesAhead(server.fetch, (1, 1), lambda total: page_spans(1, 1 + total), parallelism)


def nothing() -> None:
    """A login that needs nothing."""


@pytest.mark.parametrize("parallelism", [1, 4])
def test_each_page_is_read_once_and_given_once(parallelism: int) -> None:
    server = ListServer(names(250))
    pages = ahead(server, parallelism)
    pages.start(nothing)
    taken = [pages.take(first, count) for first, count in [(1, 1), (1, 100), (101, 100), (201, 50)]]
    pages.close()
    assert [250] * 4 == [page.total for page in taken if page is not None]
    assert sorted(server.asked) == [(1, 1), (1, 100), (101, 100), (201, 50)]
    assert [None, None] == [pages.take(1, 100), pages.take(301, 100)]


def test_of_a_long_list_only_the_first_pages_are_read() -> None:
    server = ListServer(names(100 * (MOST + 5)))
    pages = ahead(server)
    pages.start(nothing)
    assert pages.take(1, 1) is not None
    assert pages.take(100 * MOST - 99, 100) is not None
    assert pages.take(100 * MOST + 1, 100) is None
    pages.close()


def test_what_goes_wrong_is_raised_where_the_page_is_asked_for() -> None:
    def fetch(first: int, count: int) -> ListPage:
        if first > 1:
            raise UnreachableError("gone")
        return ListPage(150, [{}] * count)

    pages = PagesAhead(fetch, (1, 1), lambda total: page_spans(1, 1 + total), 2)
    pages.start(nothing)
    assert pages.take(1, 1) is not None
    assert pages.take(1, 100) is not None
    with pytest.raises(UnreachableError, match="gone"):
        pages.take(101, 50)
    pages.close()


def test_a_first_page_that_cannot_be_read_is_all_that_is_asked_for() -> None:
    asked = []

    def fetch(first: int, count: int) -> ListPage:
        asked.append((first, count))
        raise UnreachableError("gone")

    pages = PagesAhead(fetch, (1, 1), lambda total: page_spans(1, 1 + total), 2)
    pages.start(nothing)
    with pytest.raises(UnreachableError, match="gone"):
        pages.take(1, 1)
    assert [(1, 1)] == asked


def test_a_server_that_does_not_answer_keeps_nobody_from_closing() -> None:
    answered = threading.Event()

    def fetch(first: int, count: int) -> ListPage:
        answered.wait()
        return ListPage(first, [{}] * count)

    pages = PagesAhead(fetch, (1, 1), lambda _: [], 2)
    pages.start(nothing)
    pages.close()
    assert not answered.is_set()
    answered.set()


def test_without_threads_nothing_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    server = ListServer(names(3))
    pages = ahead(server)
    pages.start(nothing)
    assert pages.take(1, 1) is None
    assert [] == server.asked


def test_without_more_threads_the_first_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, Future[None]()

    def once(thread: threading.Thread) -> None:
        if started.done():
            raise RuntimeError("can't start new thread")
        started.set_result(None)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", once)
    server = ListServer(names(250))
    pages = ahead(server)
    pages.start(nothing)
    assert all(pages.take(first, count) for first, count in [(1, 1), (1, 100), (101, 100), (201, 50)])
    pages.close()
