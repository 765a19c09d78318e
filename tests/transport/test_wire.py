"""What left and what did not, told apart by what went over the wire."""

from __future__ import annotations

import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import UnknownOutcome, UnreachableError
from iac.ports.foreign import note_write, watch_network
from iac.transport.http import RetryPolicy
from iac.transport.message import Call
from tests.blackbox.front import start_raw
from tests.providers.stub import Say, start_stub
from tests.transport.certificates import Authority

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from tests.providers.conftest import OpenHttp

READ = Call.read("/x")
WRITE = Call.write("POST", "/x", {"a": 1})
ONCE = RetryPolicy(attempts=1)


def break_off(connection: socket.socket) -> None:
    connection.recv(1)


def test_a_write_that_is_answered_was_sent(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {})) as stub, watch_network() as wire:
        open_http(stub.url).send(WRITE)

    assert wire.is_write_sent


def test_a_read_is_no_write(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {})) as stub, watch_network() as wire:
        open_http(stub.url).send(READ)
        open_http(stub.url).send(Call.form("/token", {"grant_type": "client_credentials"}))

    assert not wire.is_write_sent


def test_a_write_after_whose_first_byte_the_connection_breaks_was_sent(open_http: OpenHttp) -> None:
    with start_raw(break_off) as port, watch_network() as wire:
        http = open_http(f"http://127.0.0.1:{port}")
        with pytest.raises(UnknownOutcome) as caught:
            http.send(WRITE)

    assert (True, True) == (wire.is_write_sent, caught.value.sent)


def test_a_write_whose_tls_fails_was_not_sent(open_http: OpenHttp, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path, "unknown").issue("server"))
    with start_stub(lambda _: Say(200, {}), context) as stub, watch_network() as wire:
        http = open_http(stub.url)
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            http.send(WRITE)

    assert (False, False) == (wire.is_write_sent, caught.value.sent)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b""])
def test_a_write_of_which_the_proxy_saw_no_more_than_connect_was_not_sent(open_http: OpenHttp, answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(65536).startswith(b"CONNECT iam.example.org:443 HTTP/1.1\r\n")
        connection.sendall(answer)

    with start_raw(serve) as port, watch_network() as wire:
        http = open_http("https://iam.example.org", proxy=f"http://127.0.0.1:{port}")
        with pytest.raises(UnreachableError) as caught:
            http.send(WRITE)

    assert (False, False) == (wire.is_write_sent, caught.value.sent)


def test_a_header_that_cannot_be_sent_is_not_sent(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {})) as stub, watch_network() as wire, pytest.raises(UnreachableError) as caught:
        open_http(stub.url).send(WRITE.with_authorization("Bearer a\nb"))

    assert (False, False) == (wire.is_write_sent, caught.value.sent)


def test_a_read_without_an_answer_says_that_it_was_sent(open_http: OpenHttp) -> None:
    with start_raw(break_off) as port, pytest.raises(UnreachableError) as caught:
        open_http(f"http://127.0.0.1:{port}", retry=ONCE).send(READ)

    assert caught.value.sent


def test_an_answer_that_the_library_cannot_take_leaves_a_write_unknown_whatever_is_raised(
    open_http: OpenHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_stub(lambda _: Say(200, {})) as stub, watch_network() as wire:
        http = open_http(stub.url)
        monkeypatch.setattr("iac.transport.http.decode", lambda *_: int("no number"))
        with pytest.raises(UnknownOutcome) as caught:
            http.send(WRITE)

    assert (True, True) == (wire.is_write_sent, caught.value.sent)


def test_watches_are_nested_and_see_what_is_sent_within_them() -> None:
    with watch_network() as outer:
        with watch_network() as first:
            pass
        with watch_network() as second:
            note_write()
        with watch_network() as third:
            pass

    assert (True, False, True, False) == tuple(each.is_write_sent for each in (outer, first, second, third))


def test_the_command_line_of_the_library_is_not_loaded() -> None:
    script = "import sys; import iac.transport.wire; sys.exit(bool({'pygments', 'rich'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", script], check=True)
