"""The HTTP library and the network under it: sockets of which no step outlasts the deadline of the request they serve.

The library is httpx2 with its httpcore2 where they are installed, else httpx with httpcore.

The library waits step by step: a server that sends a byte now and then, or 1xx answers without end, would keep it for
ever. Here each step (connect, TLS handshake, also behind a proxy, send, receive) gets at most what is left of one
deadline, the bytes that come back are counted, and it is noted when the first byte of the request leaves.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from msgspec import Struct

from iac.ports.foreign import note_write

# The one place that chooses the HTTP library. httpx is the interface; httpcore, which comes with it, takes our network.
if TYPE_CHECKING:
    import httpcore
    import httpx
else:
    # Both bring in a command line of their own where rich and pygments are installed, which takes as long as the rest.
    # An import of a module that is None here fails, and the library goes on without it.
    sys.modules |= dict.fromkeys(("httpx._main", "httpx2._main"))
    try:
        import httpcore2 as httpcore
        import httpx2 as httpx
    except ImportError:
        import httpcore
        import httpx

__all__ = ["WatchedNetwork", "WireExchange", "httpcore", "httpx", "serving"]

T = TypeVar("T")

Wait: TypeAlias = "Callable[[], float]"
"""Gives the seconds that the next step may take; raises TimeoutError when none are left."""

_PIECE = 2**16


class WireExchange(Struct):
    """One request and its answer.

    Attributes:
        ends: when the whole answer must be here, by `time.monotonic`.
        deadline: the seconds that it had, for messages.
        largest: bytes that may come back, in all.
        is_read: the request has no lasting effect.
        is_sent: at least one byte of the request was sent, after CONNECT and TLS; False only if surely none was.
        received: bytes that came back.
        is_over: the last step got no more than what was left until the deadline.
    """

    ends: float
    deadline: float
    largest: int
    is_read: bool
    is_sent: bool = False
    received: int = 0
    is_over: bool = False

    def wait(self, timeout: float | None) -> float:
        """Seconds that the next step may take: the silence that is allowed, or what is left."""
        left = self.ends - time.monotonic()
        self.is_over = timeout is None or left <= timeout
        if left <= 0:
            raise TimeoutError
        return left if timeout is None else min(left, timeout)

    def note_sent(self, data: bytes) -> None:
        """Data is about to leave. A proxy's CONNECT is not part of the request: what it asks for has no effect yet."""
        if self.is_sent or data.startswith(b"CONNECT "):
            return
        self.is_sent = True
        if not self.is_read:
            note_write()

    def note_received(self, data: bytes) -> None:
        """Data came back."""
        self.received += len(data)
        if self.received > self.largest:
            raise httpcore.RemoteProtocolError(f"the answer is larger than {self.largest} bytes")


_current: ContextVar[WireExchange] = ContextVar("current")


@contextmanager
def serving(exchange: WireExchange) -> Iterator[None]:
    """Within the context, what this thread sends and receives belongs to this exchange."""
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _step(failure: type[Exception], timeout: float | None) -> Iterator[Wait]:
    """One thing that the HTTP library asks for. Errors of the system become the library's own."""
    exchange = _current.get()
    try:
        yield lambda: exchange.wait(timeout)
    except TimeoutError as error:
        why = f"no whole answer within {exchange.deadline:g} s" if exchange.is_over else f"silent for {timeout:g} s"
        raise httpcore.ReadTimeout(why) from error
    except OSError as error:
        raise failure(str(error)) from error


class _Socket:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self, wait: Wait) -> bytes:
        self._connection.settimeout(wait())
        return self._connection.recv(_PIECE)

    def send(self, data: bytes, wait: Wait) -> None:
        view = memoryview(data)
        while view:
            self._connection.settimeout(wait())
            view = view[self._connection.send(view) :]


_Channel: TypeAlias = "_Socket | _Tls"
"""Bytes both ways: a socket, or TLS over another channel."""


class _Tls:
    """TLS over a channel, which may itself be TLS with a proxy. Each receive and send below has its own wait."""

    def __init__(self, channel: _Channel, context: ssl.SSLContext, hostname: str | None, wait: Wait) -> None:
        self._channel = channel
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._carry(self.session.do_handshake, wait)

    def receive(self, wait: Wait) -> bytes:
        try:
            return self._carry(lambda: self.session.read(_PIECE), wait)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""  # the end, said or not: many servers close without saying so, and HTTP knows its own lengths

    def send(self, data: bytes, wait: Wait) -> None:
        view = memoryview(data)
        while view:
            view = view[self._carry(partial(self.session.write, view[:_PIECE]), wait) :]

    def _carry(self, operation: Callable[[], T], wait: Wait) -> T:
        """Repeat an operation until it has what it needs from the other side; what it has to say is sent."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._flush(wait)
                if data := self._channel.receive(wait):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                self._flush(wait)  # the alert that tells the other side why
                raise
            else:
                self._flush(wait)
                return result

    def _flush(self, wait: Wait) -> None:
        self._channel.send(self._outgoing.read(), wait)


class _Stream(httpcore.NetworkStream):
    """The stream that the HTTP library reads and writes."""

    def __init__(self, connection: socket.socket, channel: _Channel) -> None:
        self._connection = connection
        self._channel = channel
        self._rest = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._rest:
            with _step(httpcore.ReadError, timeout) as wait:
                self._rest = self._channel.receive(wait)
            _current.get().note_received(self._rest)
        data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        _current.get().note_sent(buffer)
        with _step(httpcore.WriteError, timeout) as wait:
            self._channel.send(buffer, wait)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _step(httpcore.ConnectError, timeout) as wait:
                return _Stream(self._connection, _Tls(self._channel, ssl_context, server_hostname, wait))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self._channel, _Tls):
            return self._channel.session
        if info == "is_readable":
            return _is_readable(self._connection)
        return None


class WatchedNetwork(httpcore.NetworkBackend):
    """Opens connections for the HTTP library."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that takes one; all addresses share the deadline."""
        with _step(httpcore.ConnectError, timeout) as wait:
            connection = _dial(host, port, wait)
        return _Stream(connection, _Socket(connection))


def _dial(host: str, port: int, wait: Wait) -> socket.socket:
    # No limit of ours holds for the look-up of a name: the system's resolver has its own (`man resolv.conf`).
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(wait())
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = failure or error
        else:
            return connection
    raise failure or OSError("the host has no address")


def _is_readable(connection: socket.socket) -> bool:
    """Something waits to be read, or the other side has closed; a connection that is closed here counts as such."""
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
