"""A short way to ask a sandbox in process."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from iac.sandbox.chance import Chance
from iac.sandbox.flavour import Flavour
from iac.sandbox.iam import Iam
from iac.sandbox.message import Request, Response
from iac.sandbox.seed import PEOPLE, Seed

SEED = Path(__file__).parents[1] / "fixtures" / "iam" / "seed.json"


class StillChance(Chance):
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.now


class Talk:
    """One sandbox with the seed for people, and its answers parsed."""

    def __init__(self, flavour: Flavour | str = Flavour.V1_14, seed: str = PEOPLE, **settings: Any) -> None:
        loaded = Seed.load(seed)
        self.chance = StillChance()
        self.iam = Iam(Flavour(flavour), loaded, settings=replace(loaded.settings, **settings), chance=self.chance)
        self.headers: dict[str, str] = {}

    def send(self, method: str, path: str, *, token: str | None = None, body: Any = None) -> Response:
        """The raw answer; `body` is JSON unless it is bytes, which go as they are with `self.headers`."""
        headers = dict(self.headers)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None:
            headers.setdefault("content-type", "application/json")
        plain, _, query = path.partition("?")
        return self.iam.handle(Request(method, plain, dict(parse_qsl(query)), headers, raw))

    def ask(self, method: str, path: str, *, token: str | None = None, body: Any = None) -> tuple[int, Any]:
        """Status and parsed body."""
        response = self.send(method, path, token=token, body=body)
        return response.status, json.loads(response.body) if response.body else None

    def post_form(self, path: str, **form: str) -> tuple[int, Any]:
        """What an endpoint answers to a form."""
        response = self.iam.handle(Request("POST", path, body=urlencode(form).encode()))
        return response.status, json.loads(response.body)

    def login(self, **form: str) -> tuple[int, Any]:
        """What the token endpoint answers to a form."""
        return self.post_form("/token", **form)

    def login_basic(self, client_id: str, secret: str, **form: str) -> tuple[int, Any]:
        """The same with Basic credentials."""
        credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials"} | form
        headers = {"authorization": f"Basic {credentials}"}
        response = self.iam.handle(Request("POST", "/token", headers=headers, body=urlencode(form).encode()))
        return response.status, json.loads(response.body)

    @property
    def admin(self) -> str:
        """A token with iam:admin.read and iam:admin.write."""
        _, body = self.login(grant_type="client_credentials", client_id="admin-client-rw", client_secret="secret")
        return str(body["access_token"])

    def user(self, name: str = "test", scope: str = "openid profile email") -> str:
        """A user's token."""
        status, body = self.login_basic(
            "password-grant", "secret", grant_type="password", username=name, password="password", scope=scope
        )
        assert status == 200
        return str(body["access_token"])

    def make(self, client_id: str = "a-client", **fields: Any) -> dict[str, Any]:
        """A client that the management API made."""
        document = {"client_id": client_id, "client_name": "A client", "grant_types": ["client_credentials"]}
        status, body = self.ask("POST", "/iam/api/clients", token=self.admin, body=document | fields)
        assert status == 201, body
        return dict(body)

    def get(self, client_id: str = "a-client") -> dict[str, Any]:
        """The client as the management API shows it."""
        status, body = self.ask("GET", f"/iam/api/clients/{client_id}", token=self.admin)
        assert status == 200
        return dict(body)
