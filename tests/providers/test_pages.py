from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.errors import UnreachableError
from iac.providers.pages import ListPage, gather, read_list
from tests.every import every


class ListServer:
    """A list that cuts pages to `largest`, and does `later` after each page."""

    def __init__(self, entries: list[str], largest: int = 100) -> None:
        self.entries = entries
        self.largest = largest
        self.asked: list[tuple[int, int]] = []
        self.later: list[Any] = []

    def fetch(self, first: int, count: int) -> ListPage:
        assert first >= 1
        assert count >= 1
        self.asked.append((first, count))
        found = self.entries[first - 1 : first - 1 + min(count, self.largest)]
        page = ListPage(len(self.entries), [{"client_id": entry} for entry in found])
        if self.later:
            self.later.pop(0)(self.entries)
        return page

    def read(self, total: int | None = None) -> list[str]:
        count = len(self.entries) if total is None else total
        return read_list(self.fetch, count, lambda entry: entry["client_id"])


def names(count: int) -> list[str]:
    return [f"c{number:04d}" for number in range(count)]


@given(st.integers(0, 450), st.integers(1, 100))
def test_a_list_that_stands_still_is_read_once_and_whole_whatever_the_page(count: int, largest: int) -> None:
    server = ListServer(names(count), largest)

    assert names(count) == server.read()


@pytest.mark.parametrize(("count", "requests"), [(0, 0), (1, 1), (100, 1), (101, 2), (1000, 10)])
def test_no_request_is_wasted_on_a_list_that_stands_still(count: int, requests: int) -> None:
    server = ListServer(names(count))
    server.read()

    assert requests == len(server.asked)


@given(st.integers(1, 350), st.lists(st.lists(st.text("abcdz0123456789", min_size=1), max_size=30), max_size=12))
def test_what_stands_in_a_list_that_grows_is_seen(count: int, waves: list[list[str]]) -> None:
    server = ListServer(names(count))
    server.later = [lambda entries, wave=wave: entries.extend(wave) or entries.sort() for wave in waves]

    assert set(names(count)) <= set(server.read())


@given(st.integers(1, 350), st.integers(0, 40), st.integers(1, 100))
def test_a_list_that_shrinks_comes_to_an_end(count: int, lost: int, largest: int) -> None:
    server = ListServer(names(count), largest)
    server.later = [lambda entries: entries.__delitem__(slice(0, lost))]

    seen = server.read()

    assert set(seen) <= set(names(count))


def test_a_list_that_was_longer_than_told_is_read_to_its_new_end() -> None:
    server = ListServer(names(250))

    assert names(250) == server.read(total=120)


def test_a_list_that_never_ends_is_given_up() -> None:
    def fetch(first: int, count: int) -> ListPage:
        return ListPage(first + count, [{}] * count)

    with pytest.raises(UnreachableError, match="does not end"):
        read_list(fetch, 1, lambda _: None)


def test_entries_that_nobody_wants_are_left_out() -> None:
    server = ListServer(names(5))

    wanted = read_list(
        server.fetch, 5, lambda entry: entry["client_id"] if entry["client_id"] in {"c0001", "c0003"} else None
    )

    assert wanted == ["c0001", "c0003"]


@every(
    "body",
    [
        None,
        [],
        {},
        {"totalResults": 1},
        {"Resources": []},
        {"totalResults": "1", "Resources": []},
        {"totalResults": -1, "Resources": []},
        {"totalResults": 10**9, "Resources": []},
        {"totalResults": 1, "Resources": [1]},
        {"totalResults": 1, "Resources": {}},
    ],
)
def test_what_is_no_page_is_none(body: Any) -> None:
    assert ListPage.parse(body) is None


def test_a_page_is_a_total_and_entries() -> None:
    page = ListPage.parse({"totalResults": 7, "itemsPerPage": 1, "startIndex": 1, "Resources": [{"client_id": "a"}]})

    assert page == ListPage(7, [{"client_id": "a"}])


@given(st.lists(st.integers()), st.integers(1, 5))
def test_gathered_results_are_in_the_order_of_the_items(items: list[int], parallelism: int) -> None:
    assert [item * 2 for item in items] == list(gather(lambda item: item * 2, items, parallelism))


@pytest.mark.parametrize("parallelism", [1, 4])
def test_the_first_error_ends_it(parallelism: int) -> None:
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            raise ValueError("no")
        done.append(item)
        return item

    with pytest.raises(ValueError, match="no"):
        list(gather(work, range(10_000), parallelism))

    assert len(done) < 9_999
