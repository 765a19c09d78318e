"""Where a client is below an API's path. Pure."""

from __future__ import annotations

from urllib.parse import quote

from iac.core.errors import InputError
from iac.core.text import printable


def client_path(base: str, client_id: str, suffix: str = "") -> str:
    """The path of a client: its id is one segment, whatever signs it has.

    Raises:
        InputError: the id is none, or has signs that cannot be seen.
    """
    if not client_id or not client_id.isprintable():
        raise _no_segment(client_id, "it is empty, or has signs that cannot be seen")
    # a segment of dots alone is a step, and quote() leaves dots as they are
    segment = client_id.replace(".", "%2E") if client_id in {".", ".."} else quote(client_id, safe="")
    return f"{base}/{segment}{suffix}"


def check_reachable(client_id: str) -> None:
    """Refuse an id that an IAM's management API reaches by no path, however it is written (rec: admin-client-ids-odd).

    Raises:
        InputError: it is one.
    """
    if client_id in {".", ".."} or any(sign in client_id for sign in r"/\;%"):
        raise _no_segment(client_id, "the server would take it for another path, or refuse it")


def _no_segment(client_id: str, why: str) -> InputError:
    return InputError(
        "this client_id cannot be a part of an address",
        where=f"client_id: {printable(client_id)}",
        why=why,
        fix="use letters, digits and ._~:@- in client_id",
    )
