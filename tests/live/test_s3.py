"""State in S3 on a real server: Versity S3 Gateway, whose program the environment variable IAC_TEST_VERSITYGW names."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from iac.backends.s3.bucket import open_s3
from iac.core.errors import UnreachableError
from tests.backends.contract import RemoteContract
from tests.backends.given import EMPTY
from tests.backends.s3server import BUCKET, KEY, KEY_ID, S3Site, login, place, race

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.backends.cell import Stored

pytestmark = pytest.mark.live
_numbers = itertools.count()


@contextmanager
def gateway(home: Path, *options: str) -> Iterator[int]:
    """The port of a gateway over a folder, with one bucket and one user."""
    program = os.environ.get("IAC_TEST_VERSITYGW")
    if not program:
        pytest.fail("IAC_TEST_VERSITYGW names no program; tests/live/run.sh builds it")
    (home / "data" / BUCKET).mkdir(parents=True)
    (home / "side").mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    server = subprocess.Popen(
        [
            program,
            "--port",
            f"127.0.0.1:{port}",
            "--quiet",
            *options,
            "posix",
            "--sidecar",
            home / "side",
            home / "data",
        ],
        env={"ROOT_ACCESS_KEY": KEY_ID, "ROOT_SECRET_KEY": KEY, "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until somebody answers at a port."""
    for _ in range(200):
        assert server.poll() is None, "the gateway has ended"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the gateway does not answer")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway(tmp_path_factory.mktemp("gateway")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def remote(endpoint: str, tmp_path: Path) -> S3Site:
    return S3Site(tmp_path, place(endpoint, f"demo/{next(_numbers)}.json"))


@pytest.fixture
def site(remote: S3Site) -> S3Site:
    return remote


class TestContract(RemoteContract):
    """A state in S3 keeps what every backend promises, on a real server too."""


def test_of_twelve_writers_exactly_one_wins_in_each_of_fifty_rounds(remote: S3Site) -> None:
    cells = [open_s3(remote.place, remote.login)[0] for _ in range(12)]
    old: Stored | None = None
    for number in range(50):
        won = race([partial(cell.swap, b"%d/%d" % (number, writer), old) for writer, cell in enumerate(cells)])
        old = cells[0].read()
        assert old is not None
        assert [old.data] == won


def test_of_twelve_that_create_at_once_exactly_one_wins_in_each_of_twenty_rounds(endpoint: str) -> None:
    for _ in range(20):
        there = place(endpoint, f"demo/{next(_numbers)}.json")
        cells = [open_s3(there, login())[0] for _ in range(12)]
        won = race([partial(cell.swap, b"%d" % writer, None) for writer, cell in enumerate(cells)])
        stored = cells[0].read()
        assert stored is not None
        assert [stored.data] == won


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"key": "wrong"}, "SignatureDoesNotMatch"),
        ({"key_id": "WRONG"}, "UserNotFound"),
        ({"region": "elsewhere"}, "AuthorizationHeaderMalformed"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
    ],
)
def test_what_the_server_says_of_a_wrong_login_is_repeated(remote: S3Site, given: dict[str, str], code: str) -> None:
    remote.begun()
    wrong = dict(given)
    region, bucket = wrong.pop("region", remote.place.region), wrong.pop("bucket", remote.place.bucket)
    nobody = S3Site(remote.machines, replace(remote.place, region=region, bucket=bucket))
    nobody.login = login(**wrong)
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        nobody.open().load()
    assert code in caught.value.why
    with pytest.raises(UnreachableError, match="cannot be written"):
        nobody.open().create(EMPTY)
    for canary in (KEY, KEY_ID):
        assert canary not in str(caught.value)


def test_a_server_whose_certificate_is_of_an_own_authority_is_trusted_by_ssl_cert_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = own_certificate(tmp_path)
    with gateway(tmp_path / "home", "--cert", str(certificate), "--key", str(key)) as port:
        there = place(f"https://localhost:{port}", "demo.json")
        with pytest.raises(UnreachableError, match="cannot be read"):
            open_s3(there, login())[0].read()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert open_s3(there, login())[0].read() is None


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
