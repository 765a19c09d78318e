"""The sandbox over HTTP: connections, limits, many clients at once."""

import http.client
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from iac.sandbox.fault import Fault, FaultKind
from iac.sandbox.flavour import Flavour
from iac.sandbox.server import MAX_BODY, Sandbox, start_sandbox
from tests.sandbox.test_login import assertion, rsa_jwk
from tests.sandbox.wire import CLIENTS, FORM, ask, connect, document, login


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox("1.13") as running:
        yield running


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        token = login(connection)
        first = connection.sock
        assert ask(connection, "POST", CLIENTS, document("a-client"), token)[0] == 201
        assert ask(connection, "DELETE", f"{CLIENTS}/a-client", token=token) == (204, None)
        assert ask(connection, "GET", f"{CLIENTS}/a-client", token=token)[0] == 404
        assert connection.sock is first
    assert sandbox.log == [
        ("POST", "/token", 200),
        ("POST", CLIENTS, 201),
        ("DELETE", f"{CLIENTS}/a-client", 204),
        ("GET", f"{CLIENTS}/a-client", 404),
    ]


def test_an_answer_is_one_write_without_delay(sandbox: Sandbox) -> None:
    """With Nagle's algorithm and two writes, twenty answers on one connection take 800 ms."""
    with connect(sandbox) as connection:
        start = time.monotonic()
        for _ in range(20):
            ask(connection, "GET", "/actuator/info")
        assert time.monotonic() - start < 0.6


def test_the_issuer_is_where_the_sandbox_listens(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        _, body = ask(connection, "GET", "/.well-known/openid-configuration")
    assert body["issuer"] == sandbox.issuer == f"{sandbox.url}/"


def test_it_listens_on_loopback_unless_told_otherwise(sandbox: Sandbox) -> None:
    assert sandbox.server.server_address[0] == "127.0.0.1"


def test_broken_json_and_cookies_travel_as_from_the_real_server(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        token = login(connection)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        connection.request("POST", CLIENTS, "{", headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.getheader("Content-Length")) == (400, b"", "0")
        connection.request("GET", CLIENTS)
        answer = connection.getresponse()
        answer.read()
        assert (answer.getheader("Set-Cookie") or "").startswith("JSESSIONID=")
        connection.request("HEAD", "/actuator/info")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")


@pytest.mark.parametrize(
    "headers", [{"Content-Length": str(MAX_BODY + 1)}, {"Content-Length": "-1"}, {"Transfer-Encoding": "chunked"}]
)
def test_a_body_without_a_sensible_length_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    with connect(sandbox) as connection:
        connection.putrequest("POST", CLIENTS)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert answer.read()


def test_requests_at_once_are_answered_one_by_one(sandbox: Sandbox) -> None:
    def create(number: int) -> list[int]:
        with connect(sandbox) as connection:
            token = login(connection)
            return [ask(connection, "POST", CLIENTS, document(f"c{part}-{number}"), token)[0] for part in range(10)]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for part in pool.map(create, range(16)) for status in part]
    assert statuses == [201] * 160
    assert sandbox.iam.world.store.count() == 166


def test_of_many_creates_of_one_id_one_wins(sandbox: Sandbox) -> None:
    def create(_: int) -> int:
        with connect(sandbox) as connection:
            return ask(connection, "POST", CLIENTS, document("the-one"), login(connection))[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [201, *[400] * 7]


def test_a_reset_over_http_starts_anew(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        token = login(connection)
        ask(connection, "POST", CLIENTS, document("a-client"), token)
        sandbox.faults.add(Fault(kind=FaultKind.STATUS))
        assert ask(connection, "POST", "/sandbox/reset") == (204, None)
        assert ask(connection, "GET", "/sandbox/log") == (200, [])
        assert ask(connection, "GET", "/sandbox/faults") == (200, [])
        assert ask(connection, "GET", f"{CLIENTS}/a-client", token=token)[0] == 401
        assert ask(connection, "GET", "/sandbox/log") == (
            200,
            [{"method": "GET", "path": f"{CLIENTS}/a-client", "status": 401}],
        )


def test_a_reset_in_process_starts_anew(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        ask(connection, "POST", CLIENTS, document("a-client"), login(connection))
    sandbox.reset()
    assert sandbox.iam.world.store.find("a-client") is None
    assert sandbox.log == []


def test_a_stopped_sandbox_answers_nobody() -> None:
    with start_sandbox(Flavour.V1_12) as sandbox:
        connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
        assert ask(connection, "GET", "/actuator/info")[0] == 200
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(connection, "GET", "/actuator/info")
    connection.close()


def test_it_listens_on_ipv6_when_told_to() -> None:
    with start_sandbox(host="::1") as sandbox, connect(sandbox) as connection:
        assert sandbox.url.startswith("http://[::1]:")
        assert ask(connection, "GET", "/actuator/info")[0] == 200


def test_a_client_that_goes_away_does_no_harm(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    with socket.create_connection(("127.0.0.1", port)) as gone:
        gone.sendall(b"POST /token HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    with socket.create_connection(("127.0.0.1", port)) as nonsense:
        nonsense.sendall(b"\x00\x01\r\n\r\n")
        assert b"400" in nonsense.recv(1000)
    with connect(sandbox) as connection:
        assert ask(connection, "GET", "/actuator/info")[0] == 200


class _Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"keys": [rsa_jwk()]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def test_a_jwks_uri_is_read_on_loopback_and_nowhere_else(sandbox: Sandbox) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Keys) as keys, connect(sandbox) as connection:
        threading.Thread(target=keys.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        token = login(connection)
        for client_id, host in (("near-client", "127.0.0.1"), ("far-client", "keys.example.org")):
            uri = f"http://{host}:{keys.server_address[1]}/"
            keyed = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri}
            assert ask(connection, "POST", CLIENTS, document(client_id) | keyed, token)[0] == 201
        statuses = [_login_by_key(sandbox, connection, name) for name in ("near-client", "far-client")]
        keys.shutdown()
    assert statuses == [200, 401]


def _login_by_key(sandbox: Sandbox, connection: http.client.HTTPConnection, client_id: str) -> int:
    claims = {"iss": client_id, "sub": client_id, "aud": f"{sandbox.issuer}token", "jti": "1", "exp": time.time() + 60}
    form = (
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type"
        f"%3Ajwt-bearer&client_assertion={assertion('RS256', claims)}"
    )
    connection.request("POST", "/token", form, FORM)
    answer = connection.getresponse()
    answer.read()
    return answer.status
