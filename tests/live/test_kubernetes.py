"""Secrets in a real cluster: kube-apiserver and etcd as they are released."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import UnreachableError
from tests.fakes.authority import Authority
from tests.fakes.authority import kubeconfig as written
from tests.fakes.kubernetes import ADMIN, CREW
from tests.live.cluster import cluster as running_cluster
from tests.sinks.cluster import NAMESPACE, SECRETS, KubernetesContract, open_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from iac.sinks.kubernetes import KubernetesSink
    from tests.live.cluster import RealCluster

pytestmark = pytest.mark.live
_numbers = itertools.count()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as real:
        status, _ = real.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        assert 201 == status
        yield real


@pytest.fixture
def cluster(started: RealCluster) -> Iterator[RealCluster]:
    yield started
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    for path in (SECRETS, f"{rbac}/rolebindings", f"{rbac}/roles"):
        assert 200 == started.call("DELETE", path)[0]


def as_user(cluster: RealCluster, folder: Path, user: dict[str, Any]) -> Path:
    path = folder / f"{next(_numbers)}.kubeconfig"
    path.write_text(cluster.kubeconfig(user))
    return path


@pytest.fixture
def kubeconfig(cluster: RealCluster, tmp_path: Path) -> Path:
    return as_user(cluster, tmp_path, {"token": ADMIN})


@pytest.fixture
def sink(kubeconfig: Path) -> KubernetesSink:
    return open_sink(kubeconfig)


@pytest.fixture
def crew(cluster: RealCluster, tmp_path: Path) -> KubernetesSink:
    return open_sink(as_user(cluster, tmp_path, {"token": CREW}))


@pytest.fixture
def stranger(cluster: RealCluster, tmp_path: Path) -> KubernetesSink:
    return open_sink(as_user(cluster, tmp_path, {"token": "stranger"}))


class TestKubernetesSink(KubernetesContract):
    """The contract, by a real API."""


def test_a_client_certificate_logs_in(cluster: RealCluster, tmp_path: Path) -> None:
    certificate, key = (base64.b64encode(pem).decode() for pem in cluster.authority.issue("crew", is_server=False))
    user = {"client-certificate-data": certificate, "client-key-data": key}
    with pytest.raises(UnreachableError) as caught:
        open_sink(as_user(cluster, tmp_path, user)).check("rucio/app/app.env", b"one")
    assert 'User "crew" cannot get resource "secrets"' in caught.value.why


def test_a_server_of_another_authority_gets_no_token(cluster: RealCluster, tmp_path: Path) -> None:
    path = tmp_path / "foreign.kubeconfig"
    path.write_text(written(cluster.server, Authority.make(), {"token": ADMIN}))
    with pytest.raises(UnreachableError, match="certificate is not trusted") as caught:
        open_sink(path).check("rucio/app/app.env", b"one")
    assert "sinks.cluster.kubeconfig" in caught.value.fix
