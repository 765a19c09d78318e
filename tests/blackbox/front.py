"""Raw servers for black-box tests: one that does as a test says, and a proxy in front of a server that does so for some
requests and carries the others on."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACE = 0.1  # seconds between two bytes of a server that drips: less than any `timeout`


@contextmanager
def start_raw(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does `serve` with each connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def read_request(connection: socket.socket) -> bytes:
    """A whole request: head, and body by its Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += received(connection)
    return head + b"\r\n\r\n" + body


def received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def drip(connection: socket.socket, piece: bytes = b"a") -> None:
    """Without an end, until the other side has closed."""
    while True:
        connection.sendall(piece)
        time.sleep(PACE)


def flood(connection: socket.socket, piece: bytes) -> None:
    """Without an end and without a pause."""
    while True:
        connection.sendall(piece * 1000)


def answer(body: bytes, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}"))
    return head.encode() + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body


@dataclass
class Front:
    """A proxy. `rule` names the requests that are treated by `serve`: a method and what the path begins with.

    With `is_late` such a request is carried on first, and its answer is thrown away: the server has done it. With
    `is_once` the next one is as it should be.
    """

    port: int = 0
    rule: tuple[str, str] | None = None
    serve: Callable[[socket.socket], None] = drip
    is_late: bool = False
    treated: list[str] = field(default_factory=list)
    is_once: bool = False
    under_way: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spoil(self, method: str, path: str, serve: Callable[[socket.socket], None], *, is_late: bool = False) -> None:
        self.rule, self.serve, self.is_late = (method, path), serve, is_late

    def lose_next(self, method: str, path: str) -> None:
        """The next such request is done, and its answer lost."""
        self.spoil(method, path, socket.socket.close, is_late=True)
        self.is_once = True

    def rest(self) -> None:
        """Wait until the server has answered all that was carried to it, also for a process that is gone."""
        deadline = time.monotonic() + 60
        for _ in range(3):  # one that has just come may not be counted yet
            while self.under_way:
                assert time.monotonic() < deadline, "the server still works"
                time.sleep(0.01)
            time.sleep(0.05)

    def handle(self, connection: socket.socket) -> None:
        self.under_way.append(connection)
        try:
            self._handle(connection)
        finally:
            self.under_way.remove(connection)

    def _handle(self, connection: socket.socket) -> None:
        request = read_request(connection)
        line, _, rest = request.partition(b"\r\n")
        method, target, _ = line.decode().split(" ")
        parts = urlsplit(target)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        is_meant = self.rule is not None and method == self.rule[0] and path.startswith(self.rule[1])
        reply = b""
        if not is_meant or self.is_late:
            kept = re.sub(rb"(?im)^(?:proxy-)?connection:.*\r\n", b"", rest)
            reply = carry(parts.port or 80, f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + kept)
        if is_meant:
            self.treated.append(f"{method} {path}")
            self.rule = None if self.is_once else self.rule
            self.serve(connection)
        else:
            # It closes after each answer and says so: who is not told may send the next request before he sees it.
            connection.sendall(reply.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))


def carry(port: int, request: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as server:
        server.sendall(request)
        chunks = iter(lambda: server.recv(65536), b"")
        return b"".join(chunks)


@contextmanager
def start_front() -> Iterator[Front]:
    front = Front()
    with start_raw(front.handle) as port:
        front.port = port
        yield front
