"""A provider in memory: the real rules of `iac.core.server` over the sandbox's IAM, with scripted faults.

A fault is a function from `send`, which does the request, to its answer: it may refuse, send and lose the answer, or
let somebody else act first.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from iac.core.errors import ServerError, UnknownOutcome, UnreachableError
from iac.core.model import Actual
from iac.core.server import create_body, detect_facts, parse_answer, update_body
from iac.ports import Identity, Provider
from iac.sandbox.message import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from iac.core.model import Facts, Fields, NewClient, Registration
    from iac.core.secret import Secret
    from iac.sandbox.iam import Iam
    from iac.sandbox.message import Response

    Send = Callable[[], Response]
    Fault = Callable[[Send], Response]

LOGIN = ("admin-client-rw", "secret")
_CLIENTS = "/iam/api/clients"


def fine(send: Send) -> Response:
    """The request as it should be."""
    return send()


def lost_before(send: Send) -> Response:
    """No answer, and no effect."""
    del send
    raise UnknownOutcome("the request was sent and no answer came back")


def lost_after(send: Send) -> Response:
    """No answer, and the effect is there."""
    send()
    raise UnknownOutcome("the request was sent and no answer came back")


def refused(send: Send) -> Response:
    """The server says no."""
    del send
    raise ServerError("the server refuses it", status=400, why="it has its reasons")


def unreachable(send: Send) -> Response:
    """The request was not sent."""
    del send
    raise UnreachableError("the server cannot be reached", fix="check that the server runs")


def after(act: Callable[[], object], then: Fault = fine) -> Fault:
    """Somebody else acts first."""

    def fault(send: Send) -> Response:
        act()
        return then(send)

    return fault


def answering(**members: Any) -> Fault:
    """The server does it and its answer has these members instead of its own; None takes one out."""

    def fault(send: Send) -> Response:
        response = send()
        body = {**json.loads(response.body), **members}
        told = {name: value for name, value in body.items() if value is not None}
        return dataclasses.replace(response, body=json.dumps(told).encode())

    return fault


def logs_in(iam: Iam, client_id: str, secret: str) -> bool:
    """Whether a client's secret logs in at the token endpoint, sent by the method that it is registered for."""
    client = iam.world.store.find(client_id)
    form = {"grant_type": "client_credentials", "scope": "no-such-scope"}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if client is not None and client.token_endpoint_auth_method == "client_secret_post":
        form |= {"client_id": client_id, "client_secret": secret}
    else:
        headers["authorization"] = "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    response = iam.handle(Request("POST", "/token", {}, headers, urlencode(form).encode()))
    return bool(json.loads(response.body)["error"] == "invalid_scope")


class FakeProvider(Provider):
    """Clients of an IAM in this process.

    Attributes:
        calls: operation and client_id of every call so far.
    """

    def __init__(self, iam: Iam) -> None:
        self.iam = iam
        self.calls: list[tuple[str, str]] = []
        self.on_call: Callable[[str], None] = lambda _: None
        self._scripts: dict[str, deque[Fault]] = {}
        self._lock = threading.Lock()
        self._token = ""

    def script(self, operation: str, *faults: Fault) -> None:
        """What happens to the next calls of an operation, one fault each."""
        self._scripts.setdefault(operation, deque()).extend(faults)

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(called == operation for called, _ in self.calls)

    def logs_in(self, client_id: str, secret: str) -> bool:
        """Whether a client's secret logs in."""
        return logs_in(self.iam, client_id, secret)

    def _read(self, client_ids: Collection[str], owners_of: Collection[str]) -> Actual:
        entries: list[dict[str, Any]] = []
        total = 1
        while len(entries) < total:
            query = {"count": "100", "startIndex": str(len(entries) + 1)}
            page = json.loads(self._call("read", "", "GET", _CLIENTS, query=query).body)
            total = page["totalResults"]
            entries += page["Resources"]
        found = {entry["client_id"]: parse_answer(entry) for entry in entries if entry.get("client_id") in client_ids}
        for client_id in found.keys() & set(owners_of):
            found[client_id] = replace(found[client_id], owners=self._owners(client_id))
        facts = detect_facts(entries)
        assert facts is not None
        return Actual(facts, found, total)

    def _get(self, client_id: str, *, with_owners: bool) -> Registration | None:
        try:
            response = self._call("get", client_id, "GET", _path(client_id))
        except ServerError as error:
            if error.status == 404:
                return None
            raise
        found = parse_answer(json.loads(response.body))
        return replace(found, owners=self._owners(client_id)) if with_owners else found

    def _owners(self, client_id: str) -> tuple[str, ...]:
        response = self._call("owners", client_id, "GET", _path(client_id, "/owners"), query={"count": "100"})
        return tuple(sorted(entry["id"] for entry in json.loads(response.body)["Resources"]))

    def _identify(self) -> Identity:
        return Identity(LOGIN[0], frozenset({"iam:admin.read", "iam:admin.write"}), self.iam.world.issuer)

    def _known_scopes(self) -> frozenset[str]:
        return frozenset(self.iam.world.facts.scopes_supported)

    def _served_issuer(self) -> str:
        return self.iam.world.issuer

    def _check_write(self) -> None:
        """May write."""

    def _create(self, client: NewClient) -> Registration:
        response = self._call("create", client.client_id, "POST", _CLIENTS, body=create_body(client))
        return parse_answer(json.loads(response.body))

    def _update(self, fresh: Registration, fields: Fields, declared: Collection[str]) -> Registration:
        body = update_body(fresh, fields, declared, self._facts())
        return parse_answer(
            json.loads(self._call("update", fresh.client_id, "PUT", _path(fresh.client_id), body=body).body)
        )

    def _facts(self) -> Facts:
        facts = detect_facts(json.loads(self._send("GET", _CLIENTS, {"count": "1"}, None).body)["Resources"])
        assert facts is not None
        return facts

    def _rotate(self, client_id: str) -> Registration:
        return parse_answer(json.loads(self._call("rotate", client_id, "POST", _path(client_id, "/secret")).body))

    def _delete(self, client_id: str) -> None:
        self._call("delete", client_id, "DELETE", _path(client_id))

    def _assign_owners(self, client_id: str, add: Collection[str], remove: Collection[str]) -> None:
        for method, uuids in (("POST", add), ("DELETE", remove)):
            for uuid in uuids:
                self._call("assign", client_id, method, _path(client_id, f"/owners/{uuid}"))

    def _revoke_tokens(self, client_id: str) -> None:
        for kind in ("refresh", "access"):
            self._call("revoke", client_id, "PATCH", f"{_path(client_id)}/revoke-{kind}-tokens")

    def _accepts_secret(self, client_id: str, secret: Secret, fields: Fields | None) -> bool:
        del fields
        return self.logs_in(client_id, secret.reveal())

    def _call(
        self, operation: str, client_id: str, method: str, path: str, *, query: Any = None, body: Any = None
    ) -> Response:
        self.on_call(f"before {operation}")
        with self._lock:
            self.calls.append((operation, client_id))
            waiting = self._scripts.get(operation)
            fault = waiting.popleft() if waiting else fine
            response = fault(lambda: self._send(method, path, query or {}, body))
        self.on_call(f"after {operation}")
        if response.status == 405 or response.status >= 500:
            raise UnknownOutcome("the server broke off", status=response.status)
        if response.status >= 400:
            raise ServerError("the server refuses it", status=response.status, why=response.body.decode())
        return response

    def _send(self, method: str, path: str, query: dict[str, str], body: Any) -> Response:
        headers = {"authorization": f"Bearer {self._logged_in()}", "content-type": "application/json"}
        return self.iam.handle(Request(method, path, query, headers, json.dumps(body).encode() if body else b""))

    def _logged_in(self) -> str:
        if not self._token:
            form = {"grant_type": "client_credentials", "client_id": LOGIN[0], "client_secret": LOGIN[1]}
            headers = {"content-type": "application/x-www-form-urlencoded"}
            response = self.iam.handle(Request("POST", "/token", {}, headers, urlencode(form).encode()))
            self._token = json.loads(response.body)["access_token"]
        return self._token


def _path(client_id: str, suffix: str = "") -> str:
    return f"{_CLIENTS}/{quote(client_id, safe='')}{suffix}"
