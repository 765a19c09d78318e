"""oidc-provider, a server of the field, as a place for the scenarios; and how it is started and ended."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen

from tests.scenarios.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVER = Path(__file__).parent / "oidc_provider/server.mjs"
FOLDER = "IAC_TEST_OIDC_PROVIDER"
"""The variable that names the folder in which npm has installed oidc-provider."""

SECONDS = 10


class OidcProvider(Place):
    """Its clients by RFC 7591 and RFC 7592, registered with an initial access token."""

    column = "oidc-provider, `rfc7591`"
    has_token = True

    def __init__(self, url: str) -> None:
        self.url = url

    def settings(self) -> str:
        auth = "{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}"
        return f"issuer: {self.url}\nprovider: rfc7591\nauth: {auth}\n"

    def environ(self) -> Mapping[str, str]:
        return {"IAC_INITIAL_ACCESS_TOKEN": "let-me-register"}

    def _control(self, name: str, **values: str) -> Any:
        with urlopen(f"{self.url}/control/{name}?{urlencode(values)}", timeout=SECONDS) as answer:
            return json.load(answer)["found"]

    def ids(self) -> set[str]:
        return set(self._control("ids"))

    def register(self, name: str) -> dict[str, str]:
        """Somebody registers a client by hand; the whole answer."""
        asked = {"client_name": name, "redirect_uris": ["https://portal.example.org/cb"], "scope": "openid profile"}
        head = {"Authorization": "Bearer let-me-register", "Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/reg", json.dumps(asked).encode(), head), timeout=SECONDS) as answer:
            made: dict[str, str] = json.load(answer)
            return made

    def change(self, client_id: str, name: str) -> None:
        self._control("change", client_id=client_id, client_name=name)

    def mark(self, client_id: str) -> None:
        self._control("mark", client_id=client_id)

    def is_marked(self, client_id: str) -> bool:
        return bool(self._control("marked", client_id=client_id))

    def bad_initial(self) -> Mapping[str, str]:
        return {"wrong": "made-up"}

    def remove(self, client_id: str) -> None:
        self._control("remove", client_id=client_id)

    def logs_in(self, client_id: str, secret: str) -> bool:
        """A client that may not use the grant is refused for that, after its login."""
        pair = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        asked = Request(f"{self.url}/token", b"grant_type=client_credentials", {"Authorization": f"Basic {pair}"})
        try:
            with urlopen(asked, timeout=SECONDS):
                return True
        except HTTPError as refusal:
            return bool(json.load(refusal)["error"] != "invalid_client")

    def lose_next_registration(self) -> None:
        self._control("lose")

    def end_tokens(self, client_id: str) -> None:
        self._control("end", client_id=client_id)

    def age_tokens(self, client_id: str) -> bool:
        """Every PUT replaces them here."""
        return client_id in self.ids()


@contextmanager
def start_oidc_provider(**environ: str) -> Iterator[OidcProvider]:
    """A server of its own on loopback; it ends with the standard input that it is given, and by its pid."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = ["node", str(SERVER), os.environ[FOLDER], str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, **environ},
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            assert "ready" in server.stdout.readline()
            yield OidcProvider(f"http://localhost:{port}")
        finally:
            server.kill()
