"""What real servers have in common as places for the scenarios: their clients by RFC 7591 and RFC 7592."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen

from tests.scenarios.place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.blackbox.front import Front

SECONDS = 120
WRONG_SECRET = ("invalid_client", "Invalid client or Invalid client credentials")
"""An error, or a description, of a login that is refused."""


class RealServer(Place):
    """A server behind a proxy that can lose answers; clients are registered with an initial access token.

    Attributes:
        url: its issuer.
        initial_token: for as many clients as the scenarios make.
        registrations, tokens: paths below the issuer.
    """

    has_token = True
    initial_token = "let-me-register"
    registrations: str
    tokens: str

    def __init__(self, url: str, front: Front) -> None:
        self.url, self.front = url, front

    def settings(self) -> str:
        auth = "{method: initial_access_token, token: {env: IAC_INITIAL_ACCESS_TOKEN}}"
        return f"issuer: {self.url}\nprovider: rfc7591\nproxy: {self.front.url}\nauth: {auth}\n"

    def environ(self) -> Mapping[str, str]:
        return {"IAC_INITIAL_ACCESS_TOKEN": self.initial_token}

    def register(self, name: str, token: str = "", **values: Any) -> dict[str, Any]:
        """Somebody registers a client by hand; the whole answer."""
        asked = {"client_name": name, "redirect_uris": ["https://portal.example.org/cb"], **values}
        head = {"Authorization": f"Bearer {token or self.initial_token}", "Content-Type": "application/json"}
        where = f"{self.url}{self.registrations}"
        with urlopen(Request(where, json.dumps(asked).encode(), head), timeout=SECONDS) as answer:
            made: dict[str, Any] = json.load(answer)
            return made

    def register_by_hand(self) -> Mapping[str, Any]:
        return self.register("By hand", self.environ()["IAC_INITIAL_ACCESS_TOKEN"])

    def logs_in(self, client_id: str, secret: str) -> bool:
        """By a made-up code: what is wrong is the code, or the secret."""
        pair = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        form = urlencode({"grant_type": "authorization_code", "code": "made-up", "redirect_uri": "https://a.org"})
        head = {"Authorization": f"Basic {pair}"}
        try:
            with urlopen(Request(f"{self.url}{self.tokens}", form.encode(), head), timeout=SECONDS):
                return True
        except HTTPError as refusal:
            with refusal:
                said = json.load(refusal)
                return not {said["error"], said.get("error_description")} & {*WRONG_SECRET}

    def lose_next(self, method: str) -> None:
        path = self.url.partition("//")[2].partition("/")
        self.front.lose_next(method, f"{path[1]}{path[2]}{self.registrations}")

    def age_tokens(self, client_id: str) -> bool:
        """Every PUT replaces them here."""
        return client_id in self.ids()


class ControlledServer(RealServer):
    """One that has calls of its own for what others do to it, below /control/."""

    def _control(self, name: str, **values: str) -> Any:
        with urlopen(f"{self.url}/control/{name}?{urlencode(values)}", timeout=SECONDS) as answer:
            return json.load(answer)["found"]

    def ids(self) -> set[str]:
        return set(self._control("ids"))

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


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
