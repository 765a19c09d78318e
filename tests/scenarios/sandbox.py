"""The sandbox in each flavour, by the management API, as a user, and as nobody."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from iac.sandbox import access
from iac.sandbox.fault import Fault, FaultKind
from tests.fakes.provider import LOGIN, logs_in
from tests.scenarios.place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iac.sandbox.model import Client
    from iac.sandbox.server import Sandbox

USER = "5f9c1a2e-0000-4000-8000-000000000002"
"""An account of the seed that is no administrator."""


class SandboxPlace(Place):
    """What all ways to a sandbox have."""

    is_iam = True
    provider = "iam-self-service"
    registrations = "/iam/api/client-registration"

    def __init__(self, sandbox: Sandbox, flavour: str) -> None:
        self.sandbox, self.version = sandbox, flavour

    auth: str

    def settings(self) -> str:
        return f"issuer: {self.sandbox.issuer}\nprovider: {self.provider}\nauth: {self.auth}\n"

    def environ(self) -> Mapping[str, str]:
        return {}

    def _client(self, client_id: str) -> Client:
        client = self.sandbox.iam.world.store.find(client_id)
        assert client is not None
        return client

    def ids(self) -> set[str]:
        return {client.client_id or "" for client in self.sandbox.iam.world.store.clients()}

    def register_by_hand(self) -> Mapping[str, Any]:
        """By self service, as the user where somebody logs in."""
        asked = {"client_name": "By hand", "redirect_uris": ["https://portal.example.org/cb"], "scope": "openid"}
        head = {"Content-Type": "application/json"}
        if token := self.environ().get("IAC_TOKEN"):
            head["Authorization"] = f"Bearer {token}"
        where = f"{self.sandbox.url}{SandboxPlace.registrations}"
        with urlopen(Request(where, json.dumps(asked).encode(), head), timeout=10) as answer:
            made: dict[str, Any] = json.load(answer)
            return made

    def change(self, client_id: str, name: str) -> None:
        self.sandbox.iam.world.store.put(replace(self._client(client_id), client_name=name))

    def remove(self, client_id: str) -> None:
        self.sandbox.iam.world.store.remove(self._client(client_id))

    def mark(self, client_id: str) -> None:
        self.sandbox.iam.world.store.put(replace(self._client(client_id), client_description="By hand"))

    def is_marked(self, client_id: str) -> bool:
        return self._client(client_id).client_description == "By hand"

    def logs_in(self, client_id: str, secret: str) -> bool:
        return logs_in(self.sandbox.iam, client_id, secret)

    def lose_next(self, method: str) -> None:
        self.sandbox.faults.add(Fault(kind=FaultKind.CUT_AFTER, method=method, path=f"{self.registrations}*"))

    def end_tokens(self, client_id: str) -> None:
        access.issue_rat(self.sandbox.iam.world, self._client(client_id))

    def age_tokens(self, client_id: str) -> bool:
        world = self.sandbox.iam.world
        if not self.has_token:
            return False
        world.settings = replace(world.settings, rat_validity_seconds=0)
        time.sleep(0.002)
        return client_id in self.ids()


class Management(SandboxPlace):
    column = "management API"
    provider = "iam-admin"
    registrations = "/iam/api/clients"
    auth = "{method: client_credentials, client_id: {env: IAC_CLIENT_ID}, client_secret: {env: IAC_CLIENT_SECRET}}"
    can_choose_id = True
    login_scopes = ("iam:admin.read", "iam:admin.write")

    def environ(self) -> Mapping[str, str]:
        return {"IAC_CLIENT_ID": LOGIN[0], "IAC_CLIENT_SECRET": LOGIN[1]}


class User(SandboxPlace):
    column = "self service, user"
    auth = "{method: token, token: {env: IAC_TOKEN}}"
    login_scopes = ("openid",)

    def environ(self) -> Mapping[str, str]:
        return {"IAC_TOKEN": user_token(self.sandbox)}


class Nobody(SandboxPlace):
    column = "self service, anonymous"
    auth = "{method: none}"
    has_token = True


KINDS: tuple[type[SandboxPlace], ...] = (Management, User, Nobody)


def user_token(sandbox: Sandbox, account: str = USER) -> str:
    """A token of a user, as a login in a browser would give."""
    world = sandbox.iam.world
    client = world.store.find(LOGIN[0])
    assert client is not None
    return access.issue(world, client, world.store.accounts[account], ("openid",))
