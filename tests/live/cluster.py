"""A Kubernetes cluster without nodes: a real kube-apiserver over a real etcd, on this machine, until it is stopped.

The environment variables IAC_TEST_KUBE_APISERVER and IAC_TEST_ETCD name the programs; tests/live/run.sh builds them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.authority import Authority, kubeconfig, new_key
from tests.fakes.kubernetes import ADMIN, CREW, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USERS = f'{ADMIN},admin,1,"system:masters"\n{CREW},crew,2\n'


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def _program(variable: str) -> str:
    program = os.environ.get(variable)
    if not program:
        pytest.fail(f"{variable} names no program; tests/live/run.sh builds it")
    return program


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True, slots=True)
class RealCluster:
    """A cluster that runs."""

    server: str
    authority: Authority
    ca_file: Path

    def call(self, method: str, path: str, body: Any = None, *, token: str = ADMIN, **how: Any) -> tuple[int, Any]:
        """A request as somebody else than iac."""
        return request(self.server, method, path, body, token=token, ca_file=self.ca_file, **how)

    def kubeconfig(self, user: dict[str, Any]) -> str:
        return kubeconfig(self.server, self.authority, user)


@contextmanager
def cluster(home: Path) -> Iterator[RealCluster]:
    """A cluster whose files are in a folder."""
    authority = Authority.make()
    files = {"ca.pem": authority.pem(), "tokens.csv": _USERS.encode()}
    files["server.pem"], files["server-key.pem"] = authority.issue("kube-apiserver", is_server=True)
    files["accounts-key.pem"] = new_key()
    for name, content in files.items():
        (home / name).write_bytes(content)
    with ExitStack() as stack:
        etcd = f"http://127.0.0.1:{_free_port()}"
        peers = f"http://127.0.0.1:{_free_port()}"
        stack.enter_context(_running(_etcd(home, etcd, peers), home / "etcd.log"))
        port = _free_port()
        server = stack.enter_context(_running(_apiserver(home, etcd, port), home / "apiserver.log"))
        real = RealCluster(f"https://127.0.0.1:{port}", authority, home / "ca.pem")
        _wait(real, server, home)
        yield real


def _etcd(home: Path, address: str, peers: str) -> list[str]:
    options = {
        "data-dir": home / "etcd",
        "listen-client-urls": address,
        "advertise-client-urls": address,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
    }
    return [_program("IAC_TEST_ETCD"), *(f"--{name}={value}" for name, value in options.items())]


def _apiserver(home: Path, etcd: str, port: int) -> list[str]:
    options = {
        "etcd-servers": etcd,
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": home / "server.pem",
        "tls-private-key-file": home / "server-key.pem",
        "client-ca-file": home / "ca.pem",
        "token-auth-file": home / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": home / "accounts-key.pem",
        "service-account-signing-key-file": home / "accounts-key.pem",
        "service-cluster-ip-range": "10.0.0.0/24",
        "disable-admission-plugins": "ServiceAccount",
        "cert-dir": home,
    }
    return [_program("IAC_TEST_KUBE_APISERVER"), *(f"--{name}={value}" for name, value in options.items())]


def _wait(real: RealCluster, server: subprocess.Popen[bytes], home: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, (home / "apiserver.log").read_text()[-4000:]
        try:
            if real.call("GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail((home / "apiserver.log").read_text()[-4000:])
