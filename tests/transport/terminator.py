"""TLS in front of a plain server on loopback, as a web server in front of an IAM does it."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

from tests.transport.proxy import pump

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@dataclass
class Terminator:
    """The port on which TLS is spoken, and for each connection whether a client certificate was shown."""

    port: int
    shown: list[bool] = field(default_factory=list)


@contextmanager
def start_terminator(port: int, context: ssl.SSLContext) -> Iterator[Terminator]:
    """TLS for the plain server at `port`."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as client:
                terminator.shown.append(bool(client.getpeercert()))
                self._carry(client)

        def _carry(self, client: ssl.SSLSocket) -> None:
            with closing(socket.create_connection(("127.0.0.1", port), 5)) as server:
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join(5)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        terminator = Terminator(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield terminator
        finally:
            listener.shutdown()
            thread.join()
