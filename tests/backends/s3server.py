"""An S3 server of one's own, and a gate before it where things go wrong."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from iac.backends.cell import NotStored
from iac.backends.lock import Lease
from iac.backends.s3 import S3Place
from iac.backends.s3.bucket import LOCK_SUFFIX, open_s3
from iac.core.secret import Secret
from tests.backends.contract import RemoteSite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iac.backends.cell import Cell, Stored
    from iac.ports import Clock

BUCKET = "iac-state"
KEY_ID, KEY = "AKIDCANARY4711", "key-canary-0815"


@contextmanager
def serving() -> Iterator[str]:
    """The endpoint of moto's S3, with one bucket.

    Left alone it looks at a condition first and writes later, so two writers under one ETag may both succeed.
    """
    from moto.s3.models import s3_backends  # brings in a good part of boto
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    assert server._server
    server._server.app = _one_at_a_time(server._server.app)
    host, port = server.get_host_and_port()
    s3_backends["123456789012"]["aws"].create_bucket(BUCKET, "us-east-1")
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        s3_backends.reset()


def _one_at_a_time(app: Any) -> Any:
    """The WSGI application, each request after the other."""
    turn = threading.Lock()

    def answer(environ: Any, start: Any) -> list[bytes]:
        with turn:
            return list(app(environ, start))

    return answer


def place(endpoint: str, key: str, **other: Any) -> S3Place:
    given: dict[str, Any] = {"bucket": BUCKET, "region": "us-east-1"}
    return S3Place(**(given | other), endpoint=endpoint, key=key)


def login(key_id: str = KEY_ID, key: str = KEY) -> tuple[Secret | None, Secret | None]:
    return Secret(key_id) if key_id else None, Secret(key) if key else None


def race(attempts: list[Callable[[], Stored]]) -> list[bytes]:
    """What is stored by those that win."""
    gate = threading.Barrier(len(attempts))

    def run(attempt: Callable[[], Stored]) -> bytes | None:
        gate.wait()
        try:
            return attempt().data
        except NotStored:
            return None

    with ThreadPoolExecutor(len(attempts)) as pool:
        return [data for data in pool.map(run, attempts) if data is not None]


class S3Site(RemoteSite):
    """A key of a bucket."""

    def __init__(self, machines: Path, where: S3Place) -> None:
        self.login = login()
        from obstore.store import S3Store

        self.machines = machines
        self.place = where
        self.store = S3Store(
            where.bucket,
            endpoint=where.endpoint,
            region=where.region,
            access_key_id=KEY_ID,
            secret_access_key=KEY,
            client_options={"allow_http": True},
        )

    def cell(self) -> Cell:
        return open_s3(self.place, self.login)[0]

    def run_lock(self, clock: Clock) -> Lease:
        return Lease(open_s3(self.place, self.login)[1], clock)

    def document(self) -> str:
        return bytes(self.store.get(self.place.key).bytes()).decode()

    def tamper(self, text: str) -> None:
        self.store.put(self.place.key, text.encode())

    def wipe(self) -> None:
        self.store.delete(self.place.key)

    @property
    def lock_key(self) -> str:
        return self.place.key + LOCK_SUFFIX


class Gate:
    """A way to an S3 server on which answers are lost, connections cut, and headers forgotten.

    Attributes:
        lost: how the next answers to a PUT go astray, whose effect the server keeps: "503" or "cut".
        forgotten: headers that do not reach the server.
        answer: what all requests get instead of being handed on.
        asked: each request, in words.
    """

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind).netloc
        self.lost: list[str] = []
        self.forgotten: set[str] = set()
        self.answer: tuple[int, bytes] | None = None
        self.asked: list[str] = []
        self.endpoint = ""


@contextmanager
def gated(behind: str) -> Iterator[Gate]:
    """A gate before the server at an endpoint."""
    gate = Gate(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            condition = next((f" {name}" for name in ("If-Match", "If-None-Match") if self.headers.get(name)), "")
            gate.asked.append(f"{self.command} {self.path.rpartition('.')[2]}{condition}")
            status, headers, content = (gate.answer and (*gate.answer[:1], {}, gate.answer[1])) or self.hand_on(body)
            astray = gate.lost.pop(0) if gate.lost and self.command == "PUT" else ""
            if astray == "cut":
                self.close_connection = True
                return
            self.send_response(503 if astray else status)
            for name, value in {**headers, "Content-Length": str(0 if astray else len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if astray else content)

        do_GET = do_PUT = do  # noqa: N815  # http.server's names

        def hand_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in gate.forgotten}
            connection = HTTPConnection(gate.behind, timeout=30)
            try:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                kept = {name: value for name in ("ETag", "Last-Modified") if (value := answer.headers.get(name))}
                return answer.status, kept, answer.read()
            finally:
                connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gate.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
