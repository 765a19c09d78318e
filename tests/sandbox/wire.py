"""HTTP to a running sandbox, with nothing but http.client."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from iac.sandbox.server import Sandbox

LOGIN = "grant_type=client_credentials&client_id=admin-client-rw&client_secret=secret"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLIENTS = "/iam/api/clients"


@contextmanager
def connect(sandbox: Sandbox) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, token: str = ""
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else None


def login(connection: http.client.HTTPConnection) -> str:
    connection.request("POST", "/token", LOGIN, FORM)
    return str(json.loads(connection.getresponse().read())["access_token"])


def document(client_id: str) -> dict[str, Any]:
    return {"client_id": client_id, "client_name": "A client", "grant_types": ["client_credentials"]}
