"""Floor of plan: count, then all pages of 100, several in flight. As a process: import httpx, log in, list."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks.floors.bare import CLIENTS, open_client

if TYPE_CHECKING:
    import httpx

PAGE = 100


def read_all(client: httpx.Client, in_flight: int) -> list[dict[str, Any]]:
    """All clients of the server, as parsed JSON."""

    def page(first: int, count: int = PAGE) -> dict[str, Any]:
        answer = client.get(f"{CLIENTS}?count={count}&startIndex={first}").raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    total = page(1, 1)["totalResults"]
    with ThreadPoolExecutor(in_flight) as pool:
        return [entry for body in pool.map(page, range(1, total + 1, PAGE)) for entry in body["Resources"]]


if __name__ == "__main__":
    with open_client(sys.argv[1], int(sys.argv[2])) as opened:
        print(len(read_all(opened, int(sys.argv[2]))))
