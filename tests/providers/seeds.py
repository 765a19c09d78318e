"""Sandboxes with many clients."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from iac.sandbox.seed import Seed


def many_clients(count: int) -> Seed:
    """The people's seed and clients `c-00000` to `c-<count - 1>`."""
    people = json.loads(files("iac.sandbox").joinpath("people.json").read_text(encoding="utf-8"))
    return Seed({**people, "clients": [*people["clients"], *map(_client, range(count))]})


def names(count: int) -> list[str]:
    """The ids of `many_clients`."""
    return [f"c-{number:05d}" for number in range(count)]


def _client(number: int) -> dict[str, Any]:
    return {
        "client_id": f"c-{number:05d}",
        "client_secret": f"secret-{number}",
        "client_name": f"Client {number}",
        "grant_types": ["client_credentials"],
        "scope": "openid",
        "owners": ["5f9c1a2e-0000-4000-8000-000000000002"] if number % 2 else [],
    }
