"""Floor of creates: the same POSTs, as many in flight; nothing is kept."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.floors.bare import CLIENTS, open_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx


def create(client: httpx.Client, bodies: Sequence[dict[str, Any]], in_flight: int) -> None:
    """Register these clients."""

    def one(body: dict[str, Any]) -> None:
        client.post(CLIENTS, json=body).raise_for_status().json()

    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(one, bodies))


def delete(client: httpx.Client, client_ids: Iterable[str], in_flight: int) -> None:
    """Take them away again, between runs; one that is gone already is no error."""

    def one(client_id: str) -> None:
        answer = client.delete(f"{CLIENTS}/{client_id}")
        if answer.status_code != 404:
            answer.raise_for_status()

    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(one, client_ids))


if __name__ == "__main__":
    issuer, parallel, file = sys.argv[1:]
    with open_client(issuer, int(parallel)) as opened:
        create(opened, json.loads(Path(file).read_text(encoding="utf-8")), int(parallel))
