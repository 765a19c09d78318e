"""Where a client is below an API's path. Pure."""

from __future__ import annotations

from urllib.parse import quote

from iac.core.errors import InputError
from iac.core.text import printable


def client_path(base: str, client_id: str, suffix: str = "") -> str:
    """The path of a client.

    Raises:
        InputError: the id cannot be one segment of a path.
    """
    if client_id in {"", ".", ".."} or not client_id.isprintable() or any(sign in client_id for sign in r"/\;%"):
        raise InputError(
            "this client_id cannot be a part of an address",
            where=f"client_id: {printable(client_id)}",
            why="the server would take it for another path, or refuse it",
            fix="use letters, digits and ._~:@- in client_id",
        )
    return f"{base}/{quote(client_id, safe='')}{suffix}"
