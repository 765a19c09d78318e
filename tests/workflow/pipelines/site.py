"""A small server on this machine that answers JSON: what the fakes of forges have in common."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any = None


class Refused(Exception):
    """An answer that is a no: its status and words."""

    def __init__(self, status: int, message: str = "no") -> None:
        super().__init__(status)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Elsewhere:
    """An answer that sends on to another URL."""

    url: str


@dataclass
class Site:
    """Where it listens, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serve(answer: Callable[[Asked], Any]) -> Iterator[Site]:
    """A server that answers what the function gives as JSON; bytes as they are."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            asked = Asked(self.command, parts.path, query, token, body)
            site.asked.append(asked)
            try:
                status, value = 200, answer(asked)
            except Refused as refused:
                status, value = refused.status, {"message": refused.message}
            if isinstance(value, Elsewhere):
                status = 302
            data = value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
            self.send_response(status)
            if isinstance(value, Elsewhere):
                self.send_header("Location", value.url)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815  # the names are http.server's

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
