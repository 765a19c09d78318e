"""django-oauth-toolkit as a place for the scenarios, with OpenID Connect and without."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen

from tests.blackbox.front import start_front
from tests.live.keycloak import free_ports
from tests.scenarios.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.blackbox.front import Front

SITE = Path(__file__).parent / "django_oauth_toolkit/site.py"
PYTHON = "IAC_TEST_OAUTH_TOOLKIT"
"""The variable that names the Python in whose environment django-oauth-toolkit is installed."""

SECONDS = 10


class OAuthToolkit(Place):
    """Its clients by RFC 7591 and RFC 7592. It keeps names, redirect URIs, one grant and whether there is a secret."""

    column = "django-oauth-toolkit"
    has_token = True
    scopes = None
    has_all_fields = True

    def __init__(self, url: str, front: Front, *, has_oidc: bool) -> None:
        self.url, self.front = url, front
        self.column = f"{type(self).column}{'' if has_oidc else ' without OpenID Connect'}"

    def settings(self) -> str:
        auth = "{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}"
        return f"issuer: {self.url}\nprovider: rfc7591\nproxy: {self.front.url}\nauth: {auth}\n"

    def environ(self) -> Mapping[str, str]:
        return {"IAC_INITIAL_ACCESS_TOKEN": "let-me-register"}

    def bad_initial(self) -> Mapping[str, str]:
        self.register("Uses it up", "once")
        return {"wrong": "made-up", "used up": "once"}

    def _control(self, name: str, **values: str) -> Any:
        with urlopen(f"{self.url}/control/{name}?{urlencode(values)}", timeout=SECONDS) as answer:
            return json.load(answer)["found"]

    def ids(self) -> set[str]:
        return set(self._control("ids"))

    def register(self, name: str, token: str = "let-me-register") -> dict[str, Any]:
        asked = {"client_name": name, "redirect_uris": ["https://portal.example.org/cb"]}
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/register/", json.dumps(asked).encode(), head), timeout=SECONDS) as answer:
            made: dict[str, Any] = json.load(answer)
            return made

    def change(self, client_id: str, name: str) -> None:
        self._control("change", client_id=client_id, client_name=name)

    def mark(self, client_id: str) -> None:
        self._control("mark", client_id=client_id)

    def is_marked(self, client_id: str) -> bool:
        return bool(self._control("is_marked", client_id=client_id))

    def remove(self, client_id: str) -> None:
        self._control("remove", client_id=client_id)

    def end_tokens(self, client_id: str) -> None:
        self._control("end", client_id=client_id)

    def logs_in(self, client_id: str, secret: str) -> bool:
        pair = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        form = urlencode({"grant_type": "authorization_code", "code": "made-up"}).encode()
        try:
            with urlopen(Request(f"{self.url}/token/", form, {"Authorization": f"Basic {pair}"}), timeout=SECONDS):
                return True
        except HTTPError as refusal:
            with refusal:
                return bool(json.load(refusal)["error"] != "invalid_client")

    def lose_next_registration(self) -> None:
        self.front.lose_next("POST", "/register/")

    def age_tokens(self, client_id: str) -> bool:
        """Every PUT replaces them here."""
        return client_id in self.ids()


@contextmanager
def start_oauth_toolkit(scratch: Path, *, has_oidc: bool) -> Iterator[OAuthToolkit]:
    """A server of its own on loopback; it ends with the standard input that it is given, and by its pid."""
    (port,) = free_ports(1)
    command = [os.environ[PYTHON], str(SITE), str(port), str(scratch / "clients.sqlite3"), *(["oidc"] * has_oidc)]
    with (
        start_front() as front,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            assert "ready" in server.stdout.readline()
            yield OAuthToolkit(f"http://127.0.0.1:{port}", front, has_oidc=has_oidc)
        finally:
            server.kill()
