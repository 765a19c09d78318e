"""A web server that says what a test wants, for what the sandbox never says."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Seen:
    """A request as it came; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Say:
    """An answer. A body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


LOST = Say(0)
"""No answer: the connection is cut."""


@dataclass
class Stub:
    """A running stub: its address, and what it has seen."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0

    def lines(self) -> list[str]:
        return [f"{seen.method} {seen.path}" for seen in self.seen]


@contextmanager
def start_stub(answer: Callable[[Seen], Say], tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """A server on loopback whose answers are `answer(request)`."""
    lock = threading.Lock()
    under_way: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked has read enough
                super().handle()

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, body)
            stub.seen.append(seen)
            with lock:
                under_way.append(seen)
                stub.most_at_once = max(stub.most_at_once, len(under_way))
            say = answer(seen)
            with lock:
                under_way.pop()
            if say is LOST:
                self.close_connection = True
            else:
                self._send(say)

        do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815  # http.server's names

        def _send(self, say: Say) -> None:
            content = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
            self.send_response_only(say.status)
            for name, value in say.headers.items():
                self.send_header(name, value)
            if say.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        stub = Stub(f"{scheme}://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
