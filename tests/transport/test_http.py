from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import iac
from iac.core.errors import InputError, ServerError, UnknownOutcome, UnreachableError
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.http import RetryPolicy
from iac.transport.message import Answer, Call
from tests.providers.stub import Say, Seen, start_stub

if TYPE_CHECKING:
    from pathlib import Path

    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenHttp

READ = Call.read("/.well-known/openid-configuration")
WRITE = Call.write("POST", "/iam/api/clients", {"client_name": "four"})


def requests_to(box: Sandbox, path: str) -> list[tuple[str, int]]:
    return [(method, status) for method, seen, status in box.log if seen.startswith(path)]


def test_an_answer_is_status_headers_and_body(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(201, {"a": 1}, {"X-Some-Name": "v"})) as stub:
        answer = open_http(stub.url).send(Call.read("/x?y=1"))

    assert (201, "v", {"a": 1}) == (answer.status, answer.headers["x-some-name"], answer.json())
    assert stub.lines() == ["GET /x?y=1"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe\xfd", b"[" * 100_000])
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None


def test_requests_say_who_sends_them_and_what_they_want(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, {})) as stub:
        open_http(stub.url).send(Call.write("PUT", "/x", {"ä": "ö"}))

    headers = stub.seen[0].headers
    assert f"iac/{iac.__version__}" == headers["user-agent"]
    assert ("application/json", "application/json") == (headers["accept"], headers["content-type"])
    assert stub.seen[0].body == b'{"\\u00e4":"\\u00f6"}'


@pytest.mark.parametrize("token", ["hush-1\nhush-2", "hush-1\0hush-2", " hush-1 ", "hush-1 h\u00fcsh-2"])
def test_a_token_that_no_header_can_hold_is_not_repeated(open_http: OpenHttp, token: str) -> None:
    with start_stub(lambda _: Say(200, {})) as stub:
        http = open_http(stub.url)
        with pytest.raises(UnreachableError, match="the request cannot be sent") as caught:
            http.send(WRITE.with_authorization(f"Bearer {token}"))

    assert [] == stub.seen
    causes = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert "hush" not in " ".join(f"{cause} {cause!r}" for cause in causes)


def test_no_redirect_is_followed(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(302, b"", {"Location": "/elsewhere"})) as stub:
        answer = open_http(stub.url).send(Call.read("/x"))

    assert answer.status == 302
    assert stub.lines() == ["GET /x"]


@pytest.mark.parametrize("path", ["//evil.example/x", "/@evil.example/", "/\\evil.example"])
def test_no_path_leads_to_another_origin(open_http: OpenHttp, path: str) -> None:
    with start_stub(lambda _: Say(200, {})) as stub:
        answer = open_http(stub.url).send(Call.read(path))

    assert answer.status == 200
    assert len(stub.seen) == 1


def test_a_compressed_answer_is_read(open_http: OpenHttp) -> None:
    with start_stub(lambda _: Say(200, gzip.compress(b'{"a":1}'), {"Content-Encoding": "gzip"})) as stub:
        assert open_http(stub.url).send(READ).json() == {"a": 1}


def test_an_endless_answer_is_not_read_to_its_end(open_http: OpenHttp) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    with start_stub(lambda _: Say(200, bomb, {"Content-Encoding": "gzip"})) as stub:
        http = open_http(stub.url, retry=RetryPolicy(attempts=1), largest_body=1000)
        with pytest.raises(UnreachableError, match="larger than 1000 bytes"):
            http.send(READ)
        with pytest.raises(UnknownOutcome, match="larger than 1000 bytes"):
            http.send(WRITE)


def test_a_broken_encoding_is_no_answer(open_http: OpenHttp) -> None:
    broken = Say(200, b"no gzip", {"Content-Encoding": "gzip"})
    with start_stub(lambda _: broken) as stub, pytest.raises(UnreachableError):
        open_http(stub.url).send(READ)


def test_a_call_does_not_show_what_it_carries() -> None:
    call = Call.form("/token", {"client_secret": "hush"}).with_authorization("Bearer hush")

    assert "hush" not in repr(call)
    assert "hush" not in repr(Answer(200, {"set-cookie": "hush"}, b"hush"))


def test_requests_are_logged_without_what_they_carry(
    open_http: OpenHttp, new_box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    new_box.faults.add(Fault(kind=FaultKind.CUT_BEFORE))
    form = Call.form("/token", {"grant_type": "client_credentials", "client_secret": "hush"})

    open_http(new_box.url).send(form.with_authorization("Bearer hush"))

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("iac.transport")]
    assert ours == ["POST /token: no answer (RemoteProtocolError)", "again in 0.5 s", "POST /token: 401"]
    assert "hush" not in caplog.text


def test_a_query_that_may_be_private_is_in_no_log(open_http: OpenHttp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with start_stub(lambda _: Say(200, {})) as stub:
        open_http(stub.url).send(Call("GET", "/x?key=hush", is_read=True, is_query_shown=False))

    assert stub.lines() == ["GET /x?key=hush"]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("iac")] == ["GET /x: 200"]


@pytest.mark.parametrize("kind", [FaultKind.REFUSE, FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
def test_a_read_whose_answer_is_lost_is_sent_again(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock, kind: FaultKind
) -> None:
    new_box.faults.add(Fault(kind=kind, times=2))

    answer = open_http(new_box.url).send(READ)

    assert answer.status == 200
    assert clock.slept == [0.5, 1.0]


def test_a_read_is_given_up_after_four_attempts(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    new_box.faults.add(Fault(kind=FaultKind.CUT_BEFORE, times=99))

    with pytest.raises(UnreachableError, match="gave no answer") as caught:
        open_http(new_box.url).send(READ)

    assert not isinstance(caught.value, ServerError)
    assert len(requests_to(new_box, READ.path)) == 4
    assert clock.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_waits_as_long_as_the_server_asks_for(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock, status: int
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=status, retry_after=7))

    assert open_http(new_box.url).send(READ).status == 200
    assert clock.slept == [7.5]


def test_a_date_to_come_back_at_is_waited_for(open_http: OpenHttp, clock: SetClock) -> None:
    clock.time = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    busy = Say(429, b"", {"Retry-After": "Mon, 23 Nov 2026 12:00:20 GMT"})
    answers = [busy, Say(200, {})]
    with start_stub(lambda _: answers.pop(0)) as stub:
        assert open_http(stub.url).send(READ).status == 200

    assert clock.slept == [20.5]


def test_a_server_that_asks_for_an_hour_is_told_about_at_once(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=503, retry_after=3600))

    assert open_http(new_box.url).send(READ).status == 503
    assert clock.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500])
def test_an_answer_that_will_not_pass_is_not_asked_for_again(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock, status: int
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=status))

    assert status == open_http(new_box.url).send(READ).status
    assert clock.slept == []


@pytest.mark.parametrize("kind", [FaultKind.REFUSE, FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_whose_answer_is_lost_is_never_sent_again(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock, kind: FaultKind, method: str
) -> None:
    new_box.faults.add(Fault(kind=kind))

    with pytest.raises(UnknownOutcome, match="does not know whether the server did it"):
        open_http(new_box.url).send(Call.write(method, "/iam/api/clients", {}))

    assert requests_to(new_box, "/iam/api/clients") == [(method, 0)]
    assert clock.slept == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_write_that_is_refused_for_now_is_never_sent_again(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock, status: int
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=status, retry_after=1))

    assert status == open_http(new_box.url).send(WRITE).status
    assert len(new_box.log) == 1
    assert clock.slept == []


def test_silence_ends_a_read_as_unreachable_and_a_write_as_unknown(open_http: OpenHttp, new_box: Sandbox) -> None:
    new_box.faults.add(Fault(kind=FaultKind.DELAY, seconds=1.0, times=9))
    http = open_http(new_box.url, timeout=0.05, retry=RetryPolicy(attempts=1))

    with pytest.raises(UnreachableError):
        http.send(READ)
    with pytest.raises(UnknownOutcome):
        http.send(WRITE)


def test_a_refused_connection_means_that_a_write_surely_had_no_effect(open_http: OpenHttp, clock: SetClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        http = open_http(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UnreachableError, match="cannot be reached") as caught:
            http.send(WRITE)

    assert not isinstance(caught.value, ServerError)
    assert "issuer in iac.yaml" in caught.value.fix
    assert clock.slept == []


def test_no_more_requests_are_under_way_than_the_parallelism(open_http: OpenHttp) -> None:
    def slowly(_: object) -> Say:
        time.sleep(0.002)
        return Say(200, {})

    with start_stub(slowly) as stub:
        http = open_http(stub.url, parallelism=3)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: http.send(READ).status, range(60)))

    assert answers == [200] * 60
    assert 2 <= stub.most_at_once <= 3


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    open_http: OpenHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with start_stub(lambda _: Say(200, {})) as stub:
        assert open_http(stub.url).send(READ).status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_of_the_ca_bundle_is_trusted(open_http: OpenHttp, certificate: Path, tls: ssl.SSLContext) -> None:
    with start_stub(lambda _: Say(200, {"a": 1}), tls) as stub:
        http = open_http(stub.url, ca_bundle=certificate)
        assert http.send(READ).json() == {"a": 1}
        http.close()


def test_an_untrusted_certificate_says_how_to_trust_it(open_http: OpenHttp, tls: ssl.SSLContext) -> None:
    with start_stub(lambda _: Say(200, {}), tls) as stub:
        http = open_http(stub.url, retry=RetryPolicy(attempts=1))
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            http.send(WRITE)

    assert "SSL_CERT_FILE" in caught.value.fix
    assert stub.seen == []


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_bundle_that_is_none_is_a_mistake_in_the_settings(
    open_http: OpenHttp, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match="CA bundle"):
        open_http("https://127.0.0.1", ca_bundle=path)


def test_one_client_serves_many_threads(open_http: OpenHttp) -> None:
    barrier = threading.Barrier(4, timeout=5)

    def answer(seen: Seen) -> Say:
        barrier.wait()
        return Say(200, {"path": seen.path})

    with start_stub(answer) as stub:
        http = open_http(stub.url, parallelism=4)
        with ThreadPoolExecutor(4) as pool:
            paths = list(pool.map(lambda number: http.send(Call.read(f"/{number}")).json()["path"], range(4)))

    assert paths == ["/0", "/1", "/2", "/3"]
