"""Foreign exceptions end at the ports. They become "surely no effect" or "unknown outcome": has a write left?

with watch_network() as watch:
        ...  # calls that may send requests, in this thread
    watch.is_write_sent

The transport notes a write before it hands the first byte of the request to the network: after connecting, after the
TLS handshake, after a proxy's CONNECT. So `is_write_sent` is False only if surely nothing of any write left, whatever
exception ended the block, and whoever raised it. Requests without a lasting effect (reads, logins, discovery) are not
noted. A first byte that then failed to leave counts as sent: that errs on the safe side.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Concatenate, ParamSpec, TypeVar, cast

from msgspec import Struct

from iac.core.errors import IacError, UnknownOutcome, UnreachableError

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def foreign_as(
    error: type[IacError], summary: str
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A decorator of a port's public methods: foreign exceptions become `error`, with their words as the why."""

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(self, *args, **kwargs)
            except IacError:
                raise
            except Exception as foreign:
                raise error(summary, why=f"{type(foreign).__name__}: {foreign}") from foreign

        return cast("Callable[Concatenate[S, P], R]", functools.update_wrapper(guarded, method))

    return decorate


class NetworkWatch(Struct):
    """What went over the network while it was watched.

    Attributes:
        is_write_sent: at least one byte of a request with a lasting effect was sent.
    """

    is_write_sent: bool = False


_watched: ContextVar[tuple[NetworkWatch, ...]] = ContextVar("watched", default=())


@contextmanager
def watch_network() -> Iterator[NetworkWatch]:
    """Watch what this thread sends. Watches may be nested; each sees what is sent within it."""
    watch = NetworkWatch()
    token = _watched.set((*_watched.get(), watch))
    try:
        yield watch
    finally:
        _watched.reset(token)


def note_write() -> None:
    """A write begins to leave. For the transport, and for fakes that stand in for it."""
    for watch in _watched.get():
        watch.is_write_sent = True


def answered_write(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A decorator of every write, of every provider: sent or not sent is told by what went over the wire.

    A foreign exception may come from before the write, such as from a login, or from reading its answer; its kind
    tells nothing of that. `UnknownOutcome` where a byte of a write went out, else `UnreachableError`.
    """

    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with watch_network() as watch:
            try:
                return method(self, *args, **kwargs)
            except IacError:
                raise
            except Exception as foreign:
                if not watch.is_write_sent:
                    why = f"{type(foreign).__name__}: {foreign}"
                    raise UnreachableError("the server cannot be used", why=why) from foreign
                raise UnknownOutcome(
                    "the request was sent, and what came back cannot be read",
                    why=f"{type(foreign).__name__}; iac does not know whether the server did it",
                    fix="run it again: iac first reads what the server has",
                ) from None  # its words may repeat a secret of the answer

    return cast("Callable[Concatenate[S, P], R]", functools.update_wrapper(guarded, method))
