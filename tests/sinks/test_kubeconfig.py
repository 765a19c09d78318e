"""Which cluster is meant, and how iac logs in there."""

from __future__ import annotations

import base64
import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from iac.core.errors import InputError, UnreachableError
from iac.ports import Comparison
from iac.sinks.kubernetes.login import Cluster, ClusterChoice, find_cluster
from tests.every import every
from tests.fakes.authority import Authority, kubeconfig
from tests.fakes.kubernetes import ADMIN, fake_cluster
from tests.sinks.cluster import open_sink

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "https://k8s.example.org:6443/base"
CHOICE = ClusterChoice("cluster")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


def config(**changes: Any) -> dict[str, Any]:
    """A kubeconfig of two contexts; `cluster` and `user` are laid over those of the current one."""
    return {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "x"}},
            {"name": "two", "context": {"cluster": "other", "user": "nobody"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": SERVER, **changes.get("cluster", {})}},
            {"name": "other", "cluster": {"server": "https://other.example.org"}},
        ],
        "users": [{"name": "u", "user": {"token": "t0ken", **changes.get("user", {})}}, {"name": "nobody", "user": {}}],
    }


def found(folder: Path, value: Any, context: str = "") -> Cluster:
    path = folder / "config"
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return find_cluster(ClusterChoice("cluster", path, context), {})


def token(cluster: Cluster) -> str:
    return cluster.token.reveal() if cluster.token else ""


def test_the_current_context_is_taken_or_the_one_that_is_named(tmp_path: Path) -> None:
    one = found(tmp_path, config())
    assert ("https://k8s.example.org:6443", "/base", "t0ken") == (one.address.origin, one.address.path, token(one))
    two = found(tmp_path, config(), "two")
    assert ("https://other.example.org", "") == (two.address.origin, token(two))
    assert "t0ken" not in repr(one)


def test_a_token_comes_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    assert "from a file" == token(found(tmp_path, config(user={"token": None, "tokenFile": "token"})))


def test_kubeconfig_is_found_where_kubectl_finds_it(tmp_path: Path) -> None:
    named, usual = tmp_path / "named", tmp_path / ".kube/config"
    named.write_text(yaml.safe_dump(config(user={"token": "named"})))
    home = {"HOME": str(tmp_path)}
    with pytest.raises(InputError, match="no cluster is configured") as caught:
        find_cluster(CHOICE, home)
    assert f"there is no {usual}" == caught.value.why
    usual.parent.mkdir()
    usual.write_text(yaml.safe_dump(config(user={"token": "usual"})))
    assert "usual" == token(find_cluster(CHOICE, home))
    assert "named" == token(find_cluster(CHOICE, {**home, "KUBECONFIG": str(named)}))
    with pytest.raises(InputError, match="names several files"):
        find_cluster(CHOICE, {"KUBECONFIG": f"{named}:{usual}"})
    several = {"KUBECONFIG": f"{usual}:{usual}"}
    assert "named" == token(find_cluster(ClusterChoice("cluster", named), several))


@pytest.mark.parametrize(
    ("host", "origin"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
)
def test_in_a_pod_its_service_account_logs_in(tmp_path: Path, authority: Authority, host: str, origin: str) -> None:
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}
    with pytest.raises(InputError, match="cannot be read"):
        find_cluster(CHOICE, environ, tmp_path)
    (tmp_path / "ca.crt").write_bytes(authority.pem())
    (tmp_path / "token").write_text("of the pod\n")
    cluster = find_cluster(CHOICE, environ, tmp_path)
    assert (origin, "of the pod") == (cluster.address.origin, token(cluster))
    assert 1 == len(cluster.trust().get_ca_certs())


@every(
    "changes",
    [
        {"cluster": {"insecure-skip-tls-verify": True}},
        {"cluster": {"tls-server-name": "x"}},
        {"cluster": {"proxy-url": "http://x"}},
        {"user": {"exec": {"command": "touch", "args": ["/tmp/was-run"]}}},
        {"user": {"auth-provider": {"name": "oidc"}}},
        {"user": {"username": "x", "password": "canary"}},
        {"user": {"as": "root"}},
    ],
)
def test_what_is_not_supported_is_refused_with_words(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is not supported") as caught:
        found(tmp_path, config(**changes))
    ((_, part),) = changes.items()
    assert next(iter(part)) in caught.value.summary
    assert caught.value.why
    assert caught.value.fix
    assert "canary" not in str(caught.value)


@every(
    "value, summary",
    [
        ("[", "cannot be used"),
        ("- a\n", "cannot be used"),
        ("[" * 5000, "cannot be used"),
        ("!!python/object:os.system {}\n", "cannot be used"),
        ({"contexts": None}, "no context chosen"),
        ({**config(), "current-context": "three"}, "no context three"),
        ({**config(), "users": ["x"]}, "no user u"),
        (config(cluster={"server": "http://k8s.example.org"}), "server cannot be used"),
        (config(cluster={"server": ""}), "server cannot be used"),
        (config(cluster={"server": "https://u:canary@k8s.example.org"}), "server cannot be used"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told(tmp_path: Path, value: Any, summary: str) -> None:
    with pytest.raises(InputError, match=summary) as caught:
        found(tmp_path, value)
    assert str(tmp_path / "config") == re.sub(r":\d+:\d+\Z", "", caught.value.where)
    assert "canary" not in str(caught.value)


@every(
    "text, place, why",
    [
        ("users:\n- {name: u, user: {token: canary, token: canary}}\n", "2:35", "the key token is there twice"),
        ("users: [\n", "2:1", "invalid YAML"),
        ("users: &all []\n", "1:8", "&all names a value"),
        ("users: []\n---\nusers: []\n", "2:1", "the file has a second document"),
        ("users: [\udcff]\n", "1:9", "byte 9 is not UTF-8"),
        ("#" * 2**20 + "\n", "1:1", "the file is larger than 1024 KiB"),
    ],
)
def test_a_mistake_in_a_kubeconfig_has_its_place(tmp_path: Path, text: str, place: str, why: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        find_cluster(ClusterChoice("cluster", path), {})
    assert (f"{path}:{place}", why) == (caught.value.where, caught.value.why)
    assert caught.value.fix
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        (
            {"cluster": {"certificate-authority-data": "%"}},
            "certificate-authority-data of the kubeconfig is not base64",
        ),
        ({"cluster": {"certificate-authority-data": base64.b64encode(b"x").decode()}}, "is not a PEM certificate"),
        ({"cluster": {"certificate-authority": "nowhere.pem"}}, "cannot be read"),
        ({"user": {"client-certificate-data": base64.b64encode(b"x").decode()}}, "client certificate cannot be used"),
    ],
)
def test_certificates_that_are_none_are_told(tmp_path: Path, changes: dict[str, Any], summary: str) -> None:
    with pytest.raises(InputError, match=summary):
        found(tmp_path, config(**changes)).trust()


def test_only_the_named_authority_is_trusted_and_a_certificate_logs_in(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iac.clock.SystemClock.sleep", lambda *_: None)
    for name, is_server in (("server", True), ("crew", False)):
        certificate, key = authority.issue(name, is_server=is_server)
        (tmp_path / f"{name}.pem").write_bytes(certificate)
        (tmp_path / f"{name}-key.pem").write_bytes(key)
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server-key.pem")
    user = {"token": ADMIN, "client-certificate": "crew.pem", "client-key": "crew-key.pem"}
    with fake_cluster(context) as cluster:
        path = tmp_path / "config"
        path.write_text(kubeconfig(cluster.server, authority, user))
        assert open_sink(path).compare("rucio/app/x", b"one") is Comparison.NOTHING
        path.write_text(kubeconfig(cluster.server, Authority.make(), user))
        with pytest.raises(UnreachableError, match="certificate is not trusted"):
            open_sink(path).write("rucio/app/x", b"one", mode=0o600)
        assert [("GET", "/api/v1/namespaces/rucio/secrets/app")] == cluster.requests
