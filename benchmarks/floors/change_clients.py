"""Floor of a change: the list, then GET and PUT of each client that changes."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.floors.bare import CLIENTS, open_client
from benchmarks.floors.list_clients import read_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

FIELD = "policy_uri"
"""What the floor changes: no definition declares it, so iac sees no difference afterwards."""


def change(client: httpx.Client, client_ids: Sequence[str], value: str, in_flight: int) -> None:
    """Read the list, then lay one field over a fresh read of each of these clients."""

    def one(client_id: str) -> None:
        path = f"{CLIENTS}/{client_id}"
        fresh = client.get(path).raise_for_status().json()
        client.put(path, json={**fresh, FIELD: value}).raise_for_status().json()

    read_all(client, in_flight)
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(one, client_ids))


if __name__ == "__main__":
    issuer, parallel, ids, text = sys.argv[1:]
    with open_client(issuer, int(parallel)) as opened:
        change(opened, Path(ids).read_text(encoding="utf-8").split(), text, int(parallel))
