"""Certificates and proxies, with a real TLS server and a real proxy on loopback."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from iac.clock import SystemClock
from iac.core.errors import InputError, UnreachableError
from iac.core.origin import Address
from iac.transport.http import Http, RetryPolicy, Transport
from iac.transport.message import Call
from tests.blackbox.front import start_raw
from tests.providers.stub import Say, start_stub
from tests.transport.certificates import Authority
from tests.transport.proxy import start_proxy
from tests.transport.terminator import start_terminator

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.providers.conftest import OpenHttp
    from tests.providers.stub import Stub

READ = Call.read("/x")
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def client(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("client")


def server_context(authority: Authority, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """With `newest`, the newest version of TLS that it speaks, it demands a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    if newest is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
        context.maximum_version = newest
    return context


@pytest.fixture
def stub(authority: Authority) -> Iterator[Stub]:
    with start_stub(lambda _: Say(200, {"a": 1}), server_context(authority)) as stub:
        yield stub


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def strict(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Stub]:
    """A server that demands a client certificate; TLS 1.3 says so only after its handshake."""
    with start_stub(lambda _: Say(200, {"a": 1}), server_context(authority, request.param)) as stub:
        yield stub


def test_a_server_that_demands_a_client_certificate_gets_it(
    open_http: OpenHttp, strict: Stub, authority: Authority, client: tuple[Path, Path]
) -> None:
    certificate, key = client
    http = open_http(strict.url, ca_bundle=authority.file, certificate=certificate, key=key)
    assert http.send(READ).json() == {"a": 1}
    http.close()


def test_certificate_and_key_may_be_in_one_file(
    open_http: OpenHttp, strict: Stub, authority: Authority, client: tuple[Path, Path], tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in client))
    http = open_http(strict.url, ca_bundle=authority.file, certificate=both)
    assert http.send(READ).status == 200
    http.close()


def test_without_the_certificate_that_is_demanded_it_says_which_setting_names_one(
    open_http: OpenHttp, strict: Stub, authority: Authority
) -> None:
    http = open_http(strict.url, ca_bundle=authority.file, retry=ONCE)
    with pytest.raises(UnreachableError, match="client certificate") as caught:
        http.send(READ)

    assert "tls: {certificate: FILE, key: FILE}" in caught.value.fix


def test_the_wrong_authority_says_how_to_name_the_right_one(open_http: OpenHttp, stub: Stub, tmp_path: Path) -> None:
    http = open_http(stub.url, ca_bundle=Authority(tmp_path, "other").file, retry=ONCE)
    with pytest.raises(UnreachableError, match="not trusted") as caught:
        http.send(READ)

    assert "tls: {ca: FILE}" in caught.value.fix
    assert stub.seen == []


def test_ssl_cert_file_is_obeyed(
    open_http: OpenHttp, stub: Stub, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    http = open_http(stub.url)
    assert http.send(READ).status == 200
    http.close()


@pytest.fixture
def strict_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default of Python 3.13 on every version."""
    make = ssl.create_default_context

    def make_strict(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = make(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", make_strict)


@pytest.mark.usefixtures("strict_default")
def test_an_authority_without_key_usage_is_trusted_when_tls_ca_names_it(
    open_http: OpenHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, has_key_usage=False)
    with start_stub(lambda _: Say(200, {"a": 1}), server_context(authority)) as stub:
        assert open_http(stub.url, ca_bundle=authority.file).send(READ).status == 200

        stranger = Authority(tmp_path, "stranger", has_key_usage=False)
        with pytest.raises(UnreachableError, match="not trusted"):
            open_http(stub.url, ca_bundle=stranger.file, retry=ONCE).send(READ)

        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            open_http(stub.url, retry=ONCE).send(READ)
        assert "key usage" in caught.value.why
        assert caught.value.fix.endswith("accepts authorities of this form; SSL_CERT_FILE does not")


@pytest.mark.parametrize("broken", ["certificate", "key", "missing", "other key", "encrypted"])
def test_a_client_certificate_that_cannot_be_used_is_a_mistake_in_the_settings(
    open_http: OpenHttp, authority: Authority, client: tuple[Path, Path], tmp_path: Path, broken: str
) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    files = {
        "certificate": (nonsense, client[1]),
        "key": (client[0], nonsense),
        "missing": (tmp_path / "missing", client[1]),
        "other key": (client[0], authority.issue("other")[1]),
        "encrypted": authority.issue("locked", b"passphrase"),
    }
    certificate, key = files[broken]
    with pytest.raises(InputError, match="client certificate cannot be used") as caught:
        open_http("https://127.0.0.1", certificate=certificate, key=key)

    assert caught.value.where == f"{certificate}, {key}"


@pytest.fixture
def far() -> Iterator[Any]:
    """Http to a host that is not this machine; a proxy on loopback leads every host to loopback."""
    opened: list[Http] = []

    def open_it(port: int, scheme: str = "https", **changes: Any) -> Http:
        address = Address(f"{scheme}://iam.example.org:{port}", "/", is_loopback=False)
        opened.append(Http(address, Transport(retry=ONCE, timeout=5.0, **changes), SystemClock()))
        return opened[-1]

    yield open_it
    for http in opened:
        http.close()


def port_of(stub: Stub) -> int:
    return int(stub.url.rpartition(":")[2])


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("named_by", ["settings", "environment"])
def test_a_proxy_of_the_settings_or_the_environment_is_gone_through_and_tls_holds_to_the_end(
    far: Any, stub: Stub, authority: Authority, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    with start_proxy() as proxy:
        is_set = named_by == "settings"
        if not is_set:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        http = far(port_of(stub), ca_bundle=authority.file, proxy=proxy.url if is_set else None)

        assert http.send(READ).json() == {"a": 1}
        assert [f"CONNECT iam.example.org:{port_of(stub)}"] == proxy.seen
        http.close()


def test_a_proxy_that_leads_to_another_server_is_found_out(far: Any, stub: Stub, tmp_path: Path) -> None:
    with start_proxy() as proxy:
        http = far(port_of(stub), ca_bundle=Authority(tmp_path, "real").file, proxy=proxy.url)
        with pytest.raises(UnreachableError, match="not trusted"):
            http.send(READ)

    assert stub.seen == []


def test_user_and_password_of_a_proxy_come_from_the_environment_and_are_not_told(
    far: Any, stub: Stub, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_proxy("somebody:hushed") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//somebody:hushed@"))
        http = far(port_of(stub), ca_bundle=authority.file)
        assert http.send(READ).status == 200
        http.close()

        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//somebody:hushed-not@"))
        with pytest.raises(UnreachableError, match="proxy does not let us through") as caught:
            far(port_of(stub), ca_bundle=authority.file).send(READ)

    assert "hushed" not in str(caught.value)
    assert "407" in caught.value.why


def test_proxy_none_goes_past_that_of_the_environment(
    far: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(UnreachableError, match="cannot be reached"):
            far(9, ca_bundle=authority.file, proxy="none").send(READ)

    assert proxy.seen == []


def test_no_proxy_is_obeyed(far: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.org")
        with pytest.raises(UnreachableError, match="cannot be reached"):
            far(9, ca_bundle=authority.file).send(READ)

    assert proxy.seen == []


def test_this_machine_is_reached_without_the_proxy_of_the_environment_and_with_that_of_the_settings(
    open_http: OpenHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_proxy() as proxy, start_stub(lambda _: Say(200, {})) as plain:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        open_http(plain.url).send(READ)
        assert proxy.seen == []

        http = open_http(plain.url, proxy=proxy.url)
        assert http.send(READ).status == 200
        http.close()

    assert [f"GET {plain.url}/x"] == proxy.seen


def test_what_goes_to_this_machine_in_clear_leaves_it_by_no_proxy(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {})) as plain:
        http = open_http(plain.url, proxy="https://proxy.invalid:3128", retry=ONCE)
        assert http.send(READ).status == 200
        http.close()


@pytest.mark.parametrize("named_by", ["settings", "environment"])
def test_a_proxy_that_is_away_is_named_without_its_login(
    far: Any, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    is_set = named_by == "settings"
    if not is_set:
        monkeypatch.setenv("HTTPS_PROXY", "http://somebody:hushed@127.0.0.1:9")
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        far(1, proxy="http://127.0.0.1:9" if is_set else None).send(READ)

    assert caught.value.where == "https://iam.example.org:1, through the proxy http://127.0.0.1:9"
    assert "proxy in iac.yaml, else HTTPS_PROXY" in caught.value.fix
    assert "hushed" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://hushed@127.0.0.1", "socks5://hushed@127.0.0.1:1", "http://hushed:port"])
def test_a_proxy_of_another_kind_is_a_mistake_that_does_not_repeat_it(
    far: Any, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    with pytest.raises(InputError, match="proxy cannot be used") as caught:
        far(1)

    assert caught.value.where == "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
    assert "hushed" not in str(caught.value)


def test_a_proxy_that_speaks_tls_carries_tls_to_the_server(
    far: Any, stub: Stub, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with start_proxy() as proxy, start_terminator(proxy.port, server_context(authority)) as terminator:
        http = far(port_of(stub), ca_bundle=authority.file, proxy=f"https://127.0.0.1:{terminator.port}")
        large = Call.write("POST", "/x", {"a": "b" * 300_000})
        answers = [http.send(call).json() for call in (READ, large, READ)]
        http.close()

    assert [{"a": 1}] * 3 == answers
    assert 300_000 < len(stub.seen[1].body)
    assert [f"CONNECT iam.example.org:{port_of(stub)}"] == proxy.seen


def test_tls_in_tls_that_does_not_end_is_ended_by_the_deadline(
    far: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            connection.sendall(b"a")
            time.sleep(0.02)

    with (
        start_raw(serve) as port,
        start_proxy() as proxy,
        start_terminator(proxy.port, server_context(authority)) as terminator,
    ):
        http = far(port, ca_bundle=authority.file, proxy=f"https://127.0.0.1:{terminator.port}", deadline=0.5)
        with pytest.raises(UnreachableError, match=r"no whole answer within 0\.5 s"):
            http.send(READ)


def test_a_connection_whose_tls_failed_behind_a_proxy_is_not_waited_for(far: Any, stub: Stub, tmp_path: Path) -> None:
    with start_proxy() as proxy:
        http = far(port_of(stub), ca_bundle=Authority(tmp_path, "real").file, proxy=proxy.url, parallelism=1)
        for _ in range(3):
            with pytest.raises(UnreachableError, match="not trusted"):
                http.send(READ)

    assert 3 == len(proxy.seen)
