"""What a server, or whoever stands in between, may do to an answer: no command waits or grows without a limit."""

from __future__ import annotations

import gzip
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.backends.stateserver import PASSWORD, USER, Plain, serving
from tests.blackbox.front import answer, drip, flood, read_request, start_front, start_raw
from tests.blackbox.kit import IAC_YAML, make_project
from tests.providers.stub import Say, start_stub
from tests.transport.certificates import Authority
from tests.transport.proxy import start_proxy

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from tests.backends.stateserver import StateServer
    from tests.blackbox.front import Front
    from tests.blackbox.kit import Project

OVER = "no whole answer within 2 s"
LARGER = "larger than 33554432 bytes"
MANY_ZEROS = b"\0" * (200 * 2**20)


def dripped_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
    drip(connection)


def dripped_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    drip(connection)


def dripped_chunks(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n")
    drip(connection)


def endless_early_answers(connection: socket.socket) -> None:
    drip(connection, b"HTTP/1.1 102 Processing\r\n\r\n")


def flood_of_early_answers(connection: socket.socket) -> None:
    flood(connection, b"HTTP/1.1 102 Processing\r\n\r\n")


def silence(connection: socket.socket) -> None:
    time.sleep(30)
    connection.close()


def endless_header_lines(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    flood(connection, b"X-A: b\r\n")


def endless_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    flood(connection, b" " * 100)


def huge_chunk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    flood(connection, b" " * 100)


def said(data: bytes, connection: socket.socket) -> None:
    connection.sendall(data)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(MANY_ZEROS, 6)


SLOW = [dripped_headers, dripped_body, dripped_chunks, endless_early_answers, flood_of_early_answers, silence]
LARGE = [endless_header_lines, endless_body, huge_chunk]


@pytest.fixture
def front() -> Iterator[Front]:
    with start_front() as running:
        yield running


@pytest.fixture
def hurried(project: Project, front: Front) -> Project:
    """A project with a client to create that reaches its server by the front and waits two seconds for an answer."""
    project.define("one", client_id="one", grant_types=["client_credentials"], scope=["openid"])
    project.edit("iac.yaml", "project: demo", f"project: demo\nproxy: {front.url}\ndeadline: 2")
    return project


@pytest.mark.parametrize("serve", SLOW, ids=lambda serve: serve.__name__)
def test_an_answer_that_does_not_end_is_ended_by_the_deadline(
    project: Project, serve: Callable[[socket.socket], None]
) -> None:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        serve(connection)

    with start_raw(handle) as port:
        project.write("iac.yaml", f"deadline: 2\nissuer: http://127.0.0.1:{port}/\n{without_issuer(project)}")
        ended = project.iac("whoami")

    assert (6, True) == (ended.code, OVER in ended.text), ended.text


@pytest.mark.parametrize("serve", LARGE, ids=lambda serve: serve.__name__)
def test_an_answer_that_grows_without_end_is_refused(project: Project, serve: Callable[[socket.socket], None]) -> None:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        serve(connection)

    with start_raw(handle) as port:
        project.write("iac.yaml", f"deadline: 30\nissuer: http://127.0.0.1:{port}/\n{without_issuer(project)}")
        ended = project.iac("whoami")

    assert 6 == ended.code, ended.text
    assert "the server gave no answer" in ended.text
    assert "no whole answer within" not in ended.text


def without_issuer(project: Project) -> str:
    return "".join(
        line for line in project.read("iac.yaml").splitlines(keepends=True) if not line.startswith("issuer:")
    )


WHERE = {
    "discovery": ("whoami", "GET", "/.well-known/openid-configuration"),
    "login": ("whoami", "POST", "/token"),
    "list": ("list", "GET", "/iam/api/clients"),
}


@pytest.mark.parametrize("where", WHERE)
def test_every_read_has_the_deadline(hurried: Project, front: Front, where: str) -> None:
    command, method, path = WHERE[where]
    front.spoil(method, path, dripped_body)

    ended = hurried.iac(command)

    assert (6, True) == (ended.code, OVER in ended.text), ended.text
    assert 1 == len(front.treated)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br", "gzip, identity"])
def test_no_read_grows_beyond_its_bound(hurried: Project, front: Front, bomb: bytes, where: str, encoding: str) -> None:
    command, method, path = WHERE[where]
    body = gzip.compress(bomb) if encoding == "gzip, gzip" else bomb
    hurried.edit("iac.yaml", "deadline: 2", "deadline: 30")
    front.spoil(method, path, partial(said, answer(body, f"Content-Encoding: {encoding}")))

    ended = hurried.iac(command)

    words = LARGER if encoding == "gzip" else f"Content-Encoding {encoding}; iac takes gzip or none"
    assert (6, True) == (ended.code, words in ended.text), ended.text


def test_an_answer_may_be_compressed_once(hurried: Project, front: Front, sandbox: Sandbox) -> None:
    with urlopen(f"{sandbox.url}/.well-known/openid-configuration", timeout=10) as response:
        body = gzip.compress(response.read())
    front.spoil("GET", "/.well-known", partial(said, answer(body, "Content-Encoding: gzip")))

    hurried.done("whoami")

    assert 1 == len(front.treated)


@pytest.mark.parametrize(
    "serve", [dripped_headers, dripped_body, endless_early_answers], ids=lambda serve: serve.__name__
)
def test_a_write_that_the_deadline_ends_is_read_back_and_not_sent_again(
    hurried: Project, front: Front, sandbox: Sandbox, serve: Callable[[socket.socket], None]
) -> None:
    front.spoil("POST", "/iam/api/clients", serve, is_late=True)

    hurried.done("apply", "--auto-approve")

    assert 1 == len(front.treated)
    front.rule = None
    assert "no changes" in hurried.done("plan").text.lower()
    assert ["POST"] == [method for method, path, _ in sandbox.log if (method, path) == ("POST", "/iam/api/clients")]


def test_a_server_that_asks_to_come_back_is_not_waited_for_beyond_the_deadline(hurried: Project, front: Front) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 25\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    front.spoil("GET", "/iam/api/clients", partial(said, busy))

    ended = hurried.iac("list")

    assert 6 == ended.code, ended.text
    assert 1 == len(front.treated)


def test_a_handshake_that_does_not_end_is_ended(project: Project) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 kB begins
        drip(connection)

    with start_raw(handle) as port:
        project.write("iac.yaml", f"deadline: 2\nissuer: https://127.0.0.1:{port}/\n{without_issuer(project)}")
        ended = project.iac("whoami")

    assert (6, True) == (ended.code, OVER in ended.text), ended.text


@pytest.mark.parametrize("serve", [silence, dripped_headers, endless_early_answers], ids=lambda serve: serve.__name__)
def test_a_proxy_that_does_not_answer_connect_is_given_up(
    project: Project, serve: Callable[[socket.socket], None]
) -> None:
    def handle(connection: socket.socket) -> None:
        assert read_request(connection).startswith(b"CONNECT iam.example.org:443 ")
        serve(connection)

    with start_raw(handle) as port:
        address = f"issuer: https://iam.example.org/\nproxy: http://127.0.0.1:{port}\n"
        project.write("iac.yaml", f"deadline: 2\n{address}{without_issuer(project)}")
        ended = project.iac("whoami")

    assert (6, True) == (ended.code, OVER in ended.text), ended.text


def test_a_handshake_behind_a_proxy_that_does_not_end_is_ended(project: Project) -> None:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        drip(connection)

    with start_raw(handle) as port:
        address = f"issuer: https://iam.example.org/\nproxy: http://127.0.0.1:{port}\n"
        project.write("iac.yaml", f"deadline: 2\n{address}{without_issuer(project)}")
        ended = project.iac("whoami")

    assert (6, True) == (ended.code, OVER in ended.text), ended.text


def unknown_authority(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(folder, "unknown").issue("server"))
    return context


@pytest.mark.parametrize("what", ["issuer", "state"])
def test_a_certificate_that_fails_behind_a_proxy_again_and_again_is_told(
    project: Project, tmp_path: Path, what: str
) -> None:
    with start_stub(lambda _: Say(200, {}), unknown_authority(tmp_path)) as stub, start_proxy() as proxy:
        port = stub.url.rpartition(":")[2]
        if what == "issuer":
            text = f"issuer: https://iam.example.org:{port}/\nparallelism: 1\n{without_issuer(project)}"
        else:
            address = f"backend: http\n  address: https://iam.example.org:{port}/state"
            project.edit("iac.yaml", "backend: file\n  path: .iac/state.json", address)
            text = project.read("iac.yaml")
        project.write("iac.yaml", f"proxy: {proxy.url}\n{text}")
        ended = project.iac(*{"issuer": ["whoami"], "state": ["state", "init"]}[what])

    assert (6, True) == (ended.code, "certificate is not trusted" in ended.text), ended.text
    assert len(proxy.seen) > 1


@pytest.fixture
def state_server() -> Iterator[StateServer]:
    with serving(Plain()) as running:
        yield running


@pytest.fixture
def shared(tmp_path: Path, sandbox: Sandbox, state_server: StateServer, front: Front) -> Project:
    """A project whose state is on a server, behind the front."""
    place = f"backend: http\n  address: {state_server.address}\n  update_method: PUT\n  lock_method: LOCK"
    place += "\n  unlock_method: UNLOCK\n  username: {{env: STATE_USER}}\n  password: {{env: STATE_PASSWORD}}"
    place = place.replace("lock_method: LOCK", f"lock_address: {state_server.address}\n  lock_method: LOCK", 1)
    text = IAC_YAML.replace("backend: file\n  path: .iac/state.json", place)
    variables = {"STATE_USER": USER, "STATE_PASSWORD": PASSWORD}
    return make_shared(tmp_path / "shared", sandbox, text + f"deadline: 2\nproxy: {front.url}\n", variables)


def make_shared(root: Path, sandbox: Sandbox, text: str, variables: dict[str, str]) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.blackbox.kit.INHERITED", ("PATH", *variables))
        for name, value in variables.items():
            patch.setenv(name, value)
        made = make_project(root, sandbox, iac_yaml=text)
    made.env.update(variables)
    return made


@pytest.mark.parametrize("method", ["GET", "LOCK", "PUT"])
@pytest.mark.parametrize(
    "serve", [dripped_headers, dripped_body, endless_early_answers], ids=lambda serve: serve.__name__
)
def test_a_state_on_a_server_has_the_deadline_and_its_lock_is_free_afterwards(
    shared: Project,
    front: Front,
    state_server: StateServer,
    method: str,
    serve: Callable[[socket.socket], None],
) -> None:
    shared.define("one", client_id="one", grant_types=["client_credentials"], scope=["openid"])
    front.spoil(method, "/api/v4/projects", serve, is_late=True)

    ended = shared.apply()

    is_read_back = method == "PUT"  # the state is read, and is what was to be written
    assert (0 if is_read_back else 6, not is_read_back) == (ended.code, OVER in ended.text), ended.text
    assert len(front.treated) >= 1
    assert state_server.state.lock is None
    front.rule = None
    shared.done("apply", "--auto-approve")
    assert "no changes" in shared.done("plan").text.lower()
