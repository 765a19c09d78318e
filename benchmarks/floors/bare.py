"""What every floor over HTTP starts with: a bare client that is logged in."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx
else:
    try:  # the library that iac takes, too
        import httpx2 as httpx
    except ImportError:
        import httpx

CLIENTS = "/iam/api/clients"
LIBRARY = f"{httpx.__name__} {httpx.__version__}"


@contextmanager
def open_client(issuer: str, in_flight: int, environ: Mapping[str, str] = os.environ) -> Iterator[httpx.Client]:
    """A client with as many connections as requests in flight, logged in by IAC_CLIENT_ID and IAC_CLIENT_SECRET.

    On plain http it loads no certificates, as iac does not: they would make the floor 20 to 30 ms slower.
    """
    form = {
        "grant_type": "client_credentials",
        "scope": "iam:admin.read iam:admin.write",
        "client_id": environ["IAC_CLIENT_ID"],
        "client_secret": environ["IAC_CLIENT_SECRET"],
    }
    with httpx.Client(
        base_url=issuer.rstrip("/"),
        verify=not issuer.startswith("http:"),
        trust_env=False,
        timeout=30,
        limits=httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight),
    ) as client:
        answer = client.post("/token", data=form).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client
