"""A server of Terraform's state protocol: as GitLab serves it, or in the plain way that Terraform's own examples do.

GitLab (lib/api/terraform/state.rb, app/services/terraform/remote_state_handler.rb): each serial is a version, no
serial is taken twice (422), and the newest by serial is served; a write needs the id of the lock that is held, or none
where none is held (else 500: nobody there catches it); a held lock is 409, with the holder's id, login and time, and
the rest as the asker sent it; whoever may only read is refused locks and writes (403), a stranger finds nothing (404).
The plain server keeps the lock's description whole, answers 423, and takes any write while nobody holds the lock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from iac.backends.http import HttpPlace
from iac.core.secret import Secret

PATH = "/api/v4/projects/7/terraform/state/demo"
USER, PASSWORD = "gitlab-ci-token", "glcbt-hush-hush-1234"  # the server in this file takes it
LOGIN = (USER, Secret(PASSWORD))
JSON, BINARY = "application/json", "application/octet-stream"
DESCRIPTION = ("ID", "Operation", "Info", "Who", "Version", "Created", "Path")

Said = tuple[int, bytes, str]
What = str | Said | Callable[[], None]


def _say(status: int, value: Any = None) -> Said:
    return status, b"" if value is None else json.dumps(value).encode(), JSON


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]

    @property
    def kind(self) -> str:
        """What of the protocol it is: read, write, lock or unlock."""
        if self.path.endswith("/lock") or self.method in {"LOCK", "UNLOCK"}:
            return "unlock" if self.method in {"DELETE", "UNLOCK"} else "lock"
        return "read" if self.method == "GET" else "write"

    def lock_id(self) -> str | None:
        """In the query, or in a JSON body, as GitLab's framework reads both."""
        with suppress(ValueError):
            body = json.loads(self.body)
            if isinstance(body, dict) and "ID" in body:
                return str(body["ID"])
        return self.query.get("ID")


@dataclass
class Trouble:
    """What happens to the next `times` requests of a kind.

    `what`: "cut" before the effect, "lost" or "broke" (500) after it, "hang", the answer instead of the effect, or
    what somebody else does before it.
    """

    kind: str
    what: What
    times: int = 1


@dataclass
class State:
    """One state and its lock. `versions` is None while the server has never heard of it."""

    versions: dict[int, bytes] | None = None
    lock: dict[str, str] | None = None

    def newest(self) -> bytes | None:
        return self.versions[max(self.versions)] if self.versions else None


class GitLab:
    """What GitLab answers. `role`: maintainer, developer (who reads) or stranger."""

    def __init__(self) -> None:
        self.state = State()
        self.role = "maintainer"

    def answer(self, asked: Asked) -> Said:
        if self.role == "stranger":
            return _say(404, {"message": "404 Project Not Found"})
        if self.role == "developer" and asked.kind != "read":
            return _say(403, {"message": "403 Forbidden"})
        said: Said = getattr(self, f"_{asked.kind}")(asked)
        return said

    def _read(self, _: Asked) -> Said:
        if self.state.versions is None:
            return _say(404, {"message": "404 Not found"})
        newest = self.state.newest()
        return (204, b"", "") if newest is None else (200, newest, BINARY)

    def _write(self, asked: Asked) -> Said:
        if not asked.body:
            return 204, b"", ""
        serial = json.loads(asked.body)["serial"]
        if (self.state.lock or {}).get("ID", "") != (asked.query.get("ID") or ""):
            return _say(500, {"message": "500 Internal Server Error"})
        versions = self.state.versions if self.state.versions is not None else {}
        if serial in versions:
            return _say(422, {"message": "PG::UniqueViolation: ERROR: duplicate key value"})
        self.state.versions = {**versions, serial: asked.body}
        return 200, b"", JSON

    def _lock(self, asked: Asked) -> Said:
        wanted = json.loads(asked.body)
        if missing := [name for name in DESCRIPTION if name not in wanted]:
            return _say(400, {"error": f"{missing[0]} is missing"})
        if len(wanted["ID"]) > 255:
            return _say(400, {"error": "ID is too long"})
        if self.state.versions is None:
            self.state.versions = {}
        is_held = self.state.lock is not None
        if not is_held:
            self.state.lock = {"ID": wanted["ID"], "Who": USER, "Created": "2026-11-23T11:58:57.000Z"}
        return _say(409 if is_held else 200, {**wanted, **(self.state.lock or {})})

    def _unlock(self, asked: Asked) -> Said:
        lock_id = asked.lock_id()
        if lock_id is not None and lock_id != (self.state.lock or {}).get("ID", ""):
            return _say(409)
        self.state.lock = None
        return _say(200)


class Plain:
    """What Terraform's documentation asks of a server, and no more."""

    def __init__(self) -> None:
        self.state = State()
        self.is_silent = False  # says nothing of who holds the lock

    def answer(self, asked: Asked) -> Said:
        said: Said = getattr(self, f"_{asked.kind}")(asked)
        return said

    def _read(self, _: Asked) -> Said:
        newest = self.state.newest()
        return (404, b"", "text/plain") if newest is None else (200, newest, JSON)

    def _write(self, asked: Asked) -> Said:
        if asked.method != "PUT":
            return 405, b"", "text/plain"
        if self.state.lock and self.state.lock["ID"] != asked.query.get("ID"):
            return self._held()
        self.state.versions = {0: asked.body}
        return 201, b"", "text/plain"

    def _lock(self, asked: Asked) -> Said:
        if self.state.lock:
            return self._held()
        self.state.lock = json.loads(asked.body)
        return 200, b"", "text/plain"

    def _unlock(self, asked: Asked) -> Said:
        if self.state.lock and asked.lock_id() not in {None, self.state.lock["ID"]}:
            return self._held()
        self.state.lock = None
        return 200, b"", "text/plain"

    def _held(self) -> Said:
        return (423, b"locked", "text/plain") if self.is_silent else _say(423, self.state.lock)


@dataclass
class StateServer:
    """A running server: its address, what was asked of it, and what goes wrong."""

    product: GitLab | Plain
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    needs_login: bool = True
    mutex: threading.Lock = field(default_factory=threading.Lock)
    end: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return self.url + PATH

    @property
    def place(self) -> HttpPlace:
        """As iac.yaml would have it for this product."""
        if isinstance(self.product, GitLab):
            lock = f"{self.address}/lock"
            return HttpPlace(self.address, lock, lock, "POST", "POST", "DELETE")
        return HttpPlace(self.address, self.address, self.address, "PUT", "LOCK", "UNLOCK")

    @property
    def state(self) -> State:
        return self.product.state

    def trouble(self, kind: str, what: What, times: int = 1) -> None:
        self.troubles.append(Trouble(kind, what, times))

    def kinds(self) -> list[str]:
        """What was asked since the last time."""
        kinds = [asked.kind for asked in self.asked]
        self.asked.clear()
        return kinds

    def put(self, data: bytes, serial: int | None = None) -> None:
        """Another newest version, behind everybody's back."""
        versions = self.state.versions or {}
        self.state.versions = {**versions, max(versions, default=0) if serial is None else serial: data}

    def hold(self, lock_id: str) -> None:
        """Another client takes the lock."""
        self.state.lock = {"ID": lock_id, "Who": "root", "Created": "2026-11-23T11:00:00Z"}

    def take(self, asked: Asked) -> tuple[Said | None, str]:
        """The answer, and what goes wrong with it; None for none."""
        with self.mutex:
            self.asked.append(asked)
            what = self._next(asked.kind)
            if isinstance(what, tuple):
                return what, ""
            if callable(what):
                what()
                what = ""
            if what in {"cut", "hang"}:
                return None, what
            if self.needs_login and asked.headers.get("authorization") != _basic():
                return _say(401, {"message": "401 Unauthorized"}), ""
            md5 = base64.b64encode(hashlib.md5(asked.body, usedforsecurity=False).digest()).decode()
            if asked.kind != "read" and (asked.headers.get("content-md5"), asked.headers["content-type"]) != (
                md5,
                JSON,
            ):
                return _say(400, {"message": "not what a client of Terraform sends"}), ""
            said = self.product.answer(asked)
            return {"lost": (None, "cut"), "broke": (_say(500, {"message": "500"}), "")}.get(what, (said, ""))

    def _next(self, kind: str) -> What:
        for trouble in self.troubles:
            if trouble.kind == kind:
                trouble.times -= 1
                if not trouble.times:
                    self.troubles.remove(trouble)
                return trouble.what
        return ""


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@contextmanager
def serving(product: GitLab | Plain) -> Iterator[StateServer]:
    """The product on loopback."""
    server = StateServer(product)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

        def _respond(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said, trouble = server.take(Asked(self.command, url.path, query, body, headers))
            if trouble == "hang":
                server.end.wait(5)
            if said is None:
                self.close_connection = True
                return
            self._send(*said)

        do_GET = do_POST = do_PUT = do_DELETE = do_LOCK = do_UNLOCK = _respond  # noqa: N815  # http.server's names

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response_only(status)
            if kind:
                self.send_header("Content-Type", kind)
            if status == 302:
                self.send_header("Location", "/users/sign_in")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.end.set()
            listener.shutdown()
            thread.join()
