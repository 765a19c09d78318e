"""Secrets in a real cluster: kube-apiserver and etcd as they are released."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import UnreachableError
from iac.sandbox.server import start_sandbox
from iac.sealing import new_identity
from tests.e2e.project import IAC_YAML, Project
from tests.fakes.authority import Authority
from tests.fakes.authority import kubeconfig as written
from tests.fakes.kubernetes import ADMIN, CREW
from tests.fakes.provider import logs_in
from tests.live.cluster import cluster as running_cluster
from tests.sinks.cluster import NAMESPACE, SECRETS, KubernetesContract, open_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from iac.sinks.kubernetes.sink import KubernetesSink
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


def test_apply_delivers_into_the_cluster_and_plans_nothing_more(
    cluster: RealCluster,
    kubeconfig: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identity, recipient = new_identity()
    environment = {"IAC_CLIENT_ID": "admin-client-rw", "IAC_CLIENT_SECRET": "secret", "KUBECONFIG": str(kubeconfig)}
    for name, value in {**environment, "IAC_AGE_IDENTITY": identity.reveal()}.items():
        monkeypatch.setenv(name, value)
    with start_sandbox("1.14") as sandbox:
        project = Project(tmp_path / "project", sandbox, capsys)
        text = IAC_YAML.format(issuer=sandbox.issuer, recipient=recipient)
        project.write("iac.yaml", f"{text}sinks: {{cluster: {{kind: kubernetes}}}}\n")
        output = {"template": "dotenv", "path": f"{NAMESPACE}/app", "sink": "cluster"}
        project.define("team/app", grant_types=["client_credentials"], outputs=[output])
        for command in (["state", "init"], ["apply", "--auto-approve"], ["render", "--check"], ["verify"]):
            said = project.iac(*command)
            assert 0 == said.code, said.out + said.err
        assert 0 == project.iac("plan", "--detailed-exitcode").code
        data = cluster.call("GET", f"{SECRETS}/app")[1]["data"]
        assert logs_in(sandbox.iam, "team-app", base64.b64decode(data["CLIENT_SECRET"]).decode())
        project.define("team/app", grant_types=["client_credentials"])
        assert 0 == project.apply().code
    assert 404 == cluster.call("GET", f"{SECRETS}/app")[0]
