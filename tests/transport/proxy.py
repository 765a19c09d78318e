"""A small HTTP proxy: CONNECT and absolute URLs, on loopback whatever host is asked for; with a password if wanted."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Proxy:
    """A running proxy: where it listens, and what it was asked for."""

    port: int
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def start_proxy(login: str = "") -> Iterator[Proxy]:
    """A proxy; with `login` (user:password) it demands that."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            proxy.seen.append(line.rpartition(" ")[0])
            head = [line]
            while (header := self.rfile.readline().decode()).strip():
                head.append(header)
            wanted = f"Basic {base64.b64encode(login.encode()).decode()}"
            if login and not any(
                each.strip().lower().startswith("proxy-auth") and each.strip().endswith(f" {wanted}") for each in head
            ):
                self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with suppress(OSError):
                self._carry(line, head)

        def _carry(self, line: str, head: list[str]) -> None:
            method, target, _ = line.split(" ", 2)
            is_tunnel = method == "CONNECT"
            port = int(target.rpartition(":")[2]) if is_tunnel else urlsplit(target).port or 80
            with closing(socket.create_connection(("127.0.0.1", port), 5)) as server:
                if is_tunnel:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    parts = urlsplit(target)
                    head[0] = f"{method} {parts.path} HTTP/1.1\r\n"
                    server.sendall("".join([*head, "\r\n"]).encode())
                back = threading.Thread(target=pump, args=(server, self.connection), daemon=True)
                back.start()
                pump(self.connection, server)
                back.join(5)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy = Proxy(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry what one side says to the other, to its end."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
