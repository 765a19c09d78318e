"""Whether a write has left this process. It decides between "surely no effect" and "unknown outcome".

    with watch_wire() as wire:
        ...  # calls that may send requests, in this thread
    wire.is_write_sent

The transport notes a write before it hands the first byte of the request to the network: after connecting, after the
TLS handshake, after a proxy's CONNECT. So `is_write_sent` is False only if surely nothing of any write left, whatever
exception ended the block, and whoever raised it. Requests without a lasting effect (reads, logins, discovery) are not
noted. A first byte that then failed to leave counts as sent: that errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Wire:
    """What went over the network while it was watched.

    Attributes:
        is_write_sent: at least one byte of a request with a lasting effect was sent.
    """

    is_write_sent: bool = False


_watched: ContextVar[tuple[Wire, ...]] = ContextVar("watched", default=())


@contextmanager
def watch_wire() -> Iterator[Wire]:
    """Watch what this thread sends. Watches may be nested; each sees what is sent within it."""
    wire = Wire()
    token = _watched.set((*_watched.get(), wire))
    try:
        yield wire
    finally:
        _watched.reset(token)


def note_write() -> None:
    """A write begins to leave. For the transport, and for fakes that stand in for it."""
    for wire in _watched.get():
        wire.is_write_sent = True
