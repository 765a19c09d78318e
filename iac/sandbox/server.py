"""The HTTP server around the sandbox's heart, on the standard library alone.

Keep-alive, one write a response and no Nagle: without these each answer waits 40 ms for an
acknowledgement. Not for production: no TLS, no rate limits, demo secrets.
"""

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

from iac.sandbox import fault
from iac.sandbox.chance import Chance
from iac.sandbox.fault import FaultKind, Faults
from iac.sandbox.flavour import Flavour
from iac.sandbox.iam import Iam
from iac.sandbox.message import Request, Response, error
from iac.sandbox.seed import PEOPLE, Seed
from iac.sandbox.world import SandboxSettings

MAX_BODY = 1024 * 1024
LOG_SIZE = 100_000
_FETCH_SECONDS = 2.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _LoopbackChance(Chance):
    """Chance with a network that reaches this machine only."""

    def fetch(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname not in _LOOPBACK:
            raise ValueError("the sandbox reads a jwks_uri on loopback only")
        with urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            text: str = answer.read(MAX_BODY).decode()
        return text


class _DroppedError(Exception):
    """A fault asks that the connection ends here, without an answer."""


class _Handler(BaseHTTPRequestHandler):
    """One connection: HTTP in, `Request` out, `Response` back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: "_Server"

    def handle(self) -> None:
        self.server.connections.add(self.connection)
        with suppress(_DroppedError, ConnectionError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(ConnectionError):
            super().finish()

    def _respond(self) -> None:
        length = self._body_length()
        if length is None:
            self._send(error(413, f"a body has at most {MAX_BODY} bytes, and a Content-Length"))
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )
        if request.path.startswith(fault.PREFIX):
            self._send(fault.answer(self.server, request))
            return
        try:
            response = self._answer(request)
        except _DroppedError:
            self.server.log.append((request.method, self.path, 0))
            raise
        self.server.log.append((request.method, self.path, response.status))
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _respond  # noqa: N815 - http.server's names

    def _body_length(self) -> int | None:
        """The body's bytes; None when there are too many, or nobody says how many."""
        text = self.headers.get("content-length", "0")
        if self.headers.get("transfer-encoding") or not text.isdecimal() or int(text) > MAX_BODY:
            return None
        return int(text)

    def _answer(self, request: Request) -> Response:
        fault = self.server.faults.take(request.method, request.path)
        if fault is None:
            return self.server.answer(request)
        match fault.kind:
            case FaultKind.REFUSE:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._drop()
            case FaultKind.CUT_BEFORE:
                self._drop()
            case FaultKind.CUT_AFTER:
                self.server.answer(request)
                self._drop()
            case FaultKind.DELAY:
                time.sleep(fault.seconds)
                return self.server.answer(request)
            case FaultKind.STATUS_AFTER:
                self.server.answer(request)
        return fault.response()

    def _drop(self) -> NoReturn:
        raise _DroppedError

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in response.headers.items():
            self.send_header(name.title(), value)
        if response.status != 204:  # noqa: PLR2004 - RFC 9110 section 8.6: no length for No Content
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: requests carry secrets."""


class _Server(ThreadingTCPServer):
    """Connections in threads around one IAM."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host: str, port: int, make_iam: Callable[[str], Iam]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.connections: set[socket.socket] = set()
        super().__init__((host, port), _Handler)
        shown = f"[{host}]" if ":" in host else host
        self.iam = make_iam(f"http://{shown}:{self.server_address[1]}")
        self.faults = Faults()
        self.log: deque[tuple[str, str, int]] = deque(maxlen=LOG_SIZE)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """The IAM's answer, one request at a time."""
        with self._lock:
            return self.iam.handle(request)

    def reset(self) -> None:
        """Start the IAM again, without faults and with an empty log."""
        with self._lock:
            self.iam.reset()
        self.faults.clear()
        self.log.clear()

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. `url` has no trailing slash, `issuer` has one as the real server's."""

    server: _Server

    @property
    def iam(self) -> Iam:
        """The heart, to look into; while requests come, only between them."""
        return self.server.iam

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.iam.base_url

    @property
    def issuer(self) -> str:
        """Its issuer, as discovery says it."""
        return self.iam.world.issuer

    @property
    def faults(self) -> Faults:
        """What is to happen to coming requests."""
        return self.server.faults

    @property
    def log(self) -> list[tuple[str, str, int]]:
        """Method, path and status of the requests so far; 0 where no answer was sent."""
        return list(self.server.log)

    def reset(self) -> None:
        """Start again from the seed."""
        self.server.reset()


@contextmanager
def start_sandbox(
    flavour: Flavour | str = Flavour.V1_14,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: Seed | str = PEOPLE,
    settings: SandboxSettings | None = None,
) -> Iterator[Sandbox]:
    """A sandbox in a thread, as long as the context lasts. Port 0 takes a free one.

    Raises:
        OSError: when the port is taken.
        SeedError: when the seed cannot be read.
    """
    loaded = seed if isinstance(seed, Seed) else Seed.load(seed)

    def make_iam(url: str) -> Iam:
        return Iam(Flavour(flavour), loaded, url, settings=settings, chance=_LoopbackChance())

    with _Server(host, port, make_iam) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Sandbox(server)
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()
