"""What the sink of Kubernetes promises beside the contract of all sinks; on a fake and on a real cluster."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import yaml

from iac.clock import SystemClock
from iac.core.errors import CredentialsError, RenderError
from iac.ports import Comparison
from iac.sinks.kubernetes import KubernetesSettings
from iac.sinks.kubernetes.login import ClusterChoice, find_cluster
from iac.sinks.kubernetes.secret import MARK
from iac.sinks.kubernetes.sink import KubernetesSink
from tests.docs.transcript import read_page
from tests.fakes.kubernetes import CREW
from tests.sinks.contract import SinkContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.kubernetes import FakeCluster
    from tests.live.cluster import RealCluster

    Cluster = FakeCluster | RealCluster

NAMESPACE = "rucio"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
APP = f"{SECRETS}/app"
MERGE = "application/merge-patch+json"
HOW_TO = read_page("how-to/deliver-credentials.md")
CANARY = "canary-1b9e44"


def open_sink(kubeconfig: Path, owner: str = "rucio/prod", **marks: Any) -> KubernetesSink:
    return KubernetesSink(
        lambda: find_cluster(ClusterChoice("cluster", kubeconfig), {}),
        KubernetesSettings(**marks),
        owner,
        SystemClock(),
    )


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class KubernetesContract(SinkContract):
    """The contract. A test class gives the fixtures `cluster`, empty but for its namespace, `sink` and `kubeconfig`."""

    path: ClassVar[str] = "rucio/app/app.env"
    other: ClassVar[str] = "rucio/other/app.env"
    any_content: ClassVar[str] = "rucio/any/app.txt"

    def test_a_secret_has_the_key_the_type_the_labels_and_the_mark(self, cluster: Cluster, kubeconfig: Path) -> None:
        sink = open_sink(kubeconfig, type="example.org/oidc", labels={"app": "rucio"})
        sink.write(self.path, b"A=1\n", mode=0o600)
        secret = cluster.call("GET", APP)[1]
        assert {"app.env": encoded("A=1\n")} == secret["data"]
        assert "example.org/oidc" == secret["type"]
        assert {"app": "rucio", "app.kubernetes.io/managed-by": "iac"} == secret["metadata"]["labels"]
        assert {MARK: "rucio/prod"} == secret["metadata"]["annotations"]
        assert [("iac", "Apply")] == [(m["manager"], m["operation"]) for m in secret["metadata"]["managedFields"]]

    def test_a_dotenv_output_is_one_key_for_each_line(self, cluster: Cluster, sink: KubernetesSink) -> None:
        sink.write("rucio/app", b"# of iac\nOIDC_ISSUER=https://iam/\nOIDC_SCOPE='a b'\n\nEMPTY=\n", mode=0o600)
        expected = {"OIDC_ISSUER": encoded("https://iam/"), "OIDC_SCOPE": encoded("a b"), "EMPTY": ""}
        assert expected == cluster.call("GET", APP)[1]["data"]
        lines = (sink.read("rucio/app") or b"").decode().splitlines()
        assert ["EMPTY=", "OIDC_ISSUER=https://iam/", "OIDC_SCOPE='a b'"] == sorted(lines)
        assert sink.read("rucio/app/nothing") is None
        sink.write("rucio/app", b"OIDC_ISSUER=https://iam/\n", mode=0o600)
        assert {"OIDC_ISSUER"} == set(cluster.call("GET", APP)[1]["data"])

    def test_the_key_of_a_secret_can_change(self, cluster: Cluster, sink: KubernetesSink) -> None:
        sink.write(self.path, b"one", mode=0o600)
        sink.write("rucio/app/new.env", b"one", mode=0o600)
        assert {"new.env": encoded("one")} == cluster.call("GET", APP)[1]["data"]
        assert sink.place(self.path) == sink.place("rucio/app/new.env")

    def test_labels_that_are_no_longer_wanted_go(self, cluster: Cluster, kubeconfig: Path) -> None:
        open_sink(kubeconfig, labels={"app": "rucio", "team": "a"}).write(self.path, b"one", mode=0o600)
        assert open_sink(kubeconfig, labels={"app": "rucio"}).write(self.path, b"one", mode=0o600)
        assert {"app", "app.kubernetes.io/managed-by"} == set(cluster.call("GET", APP)[1]["metadata"]["labels"])

    def test_a_secret_that_somebody_else_made_is_not_touched(self, cluster: Cluster, sink: KubernetesSink) -> None:
        theirs = {"metadata": {"name": "app"}, "data": {"app.env": encoded("theirs")}}
        cluster.call("POST", SECRETS, theirs)
        before = cluster.call("GET", APP)[1]
        self._refuses_everything(sink)
        assert before == cluster.call("GET", APP)[1]

    def test_a_secret_of_another_project_is_not_touched(
        self, cluster: Cluster, sink: KubernetesSink, kubeconfig: Path
    ) -> None:
        open_sink(kubeconfig, owner="dirac/prod").write(self.path, b"theirs", mode=0o600)
        before = cluster.call("GET", APP)[1]
        self._refuses_everything(sink)
        assert before == cluster.call("GET", APP)[1]

    def _refuses_everything(self, sink: KubernetesSink) -> None:
        attempts: list[Callable[[], object]] = [
            lambda: sink.check(self.path, CANARY.encode()),
            lambda: sink.write(self.path, CANARY.encode(), mode=0o600),
            lambda: sink.remove(self.path),
        ]
        for attempt in attempts:
            with pytest.raises(RenderError, match="belongs to another owner") as caught:
                attempt()
            assert f"kubectl annotate secret -n rucio app {MARK}=rucio/prod" in caught.value.fix
            assert CANARY not in str(caught.value)
        assert sink.compare(self.path, b"theirs") is Comparison.OTHER

    def test_a_secret_that_was_handed_over_is_taken(self, cluster: Cluster, sink: KubernetesSink) -> None:
        cluster.call("POST", SECRETS, {"metadata": {"name": "app", "annotations": {MARK: "rucio/prod"}}})
        assert sink.write(self.path, b"one", mode=0o600)
        assert sink.compare(self.path, b"one") is Comparison.AS_WANTED

    def test_a_key_that_another_manager_keeps_is_a_conflict_that_names_it(
        self, cluster: Cluster, sink: KubernetesSink
    ) -> None:
        sink.write(self.path, b"one", mode=0o600)
        self._changed_by_hand(cluster, {"app.env": encoded("by hand")})
        for attempt in (
            lambda: sink.check(self.path, CANARY.encode()),
            lambda: sink.write(self.path, CANARY.encode(), mode=0o600),
        ):
            with pytest.raises(RenderError, match="another manager keeps fields") as caught:
                attempt()
            assert 'the server says 409: conflict with "kubectl-edit" using v1 (.data.app.env)' == caught.value.why
            assert not any(part in str(caught.value) for part in (CANARY, encoded(CANARY)))
        assert {"app.env": encoded("by hand")} == cluster.call("GET", APP)[1]["data"]

    def _changed_by_hand(self, cluster: Cluster, data: dict[str, str]) -> None:
        status, _ = cluster.call("PATCH", f"{APP}?fieldManager=kubectl-edit", {"data": data}, content_type=MERGE)
        assert 200 == status

    def test_keys_of_others_stay_when_ours_changes_and_when_it_goes(
        self, cluster: Cluster, sink: KubernetesSink
    ) -> None:
        sink.write(self.path, b"one", mode=0o600)
        self._changed_by_hand(cluster, {"theirs": encoded("x")})
        assert not sink.write(self.path, b"one", mode=0o600)
        assert sink.write(self.path, b"two", mode=0o600)
        assert {"app.env": encoded("two"), "theirs": encoded("x")} == cluster.call("GET", APP)[1]["data"]
        sink.remove(self.path)
        left = cluster.call("GET", APP)[1]
        assert ({"theirs": encoded("x")}, {}, {}) == (
            left["data"], left["metadata"].get("labels", {}), left["metadata"].get("annotations", {}),
        )  # fmt: skip
        with pytest.raises(RenderError, match="belongs to another owner"):
            sink.remove(self.path)

    def test_a_change_between_reading_and_writing_is_seen(
        self, cluster: Cluster, sink: KubernetesSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink.write(self.path, b"one", mode=0o600)
        from iac.sinks.kubernetes.api import Api

        read = Api.read

        def slow(api: Api, target: Any) -> Any:
            found = read(api, target)
            self._changed_by_hand(cluster, {"theirs": encoded("x")})
            monkeypatch.undo()
            return found

        for attempt in (lambda: sink.write(self.path, b"two", mode=0o600), lambda: sink.remove(self.path)):
            monkeypatch.setattr(Api, "read", slow)
            with pytest.raises(RenderError, match="somebody else changed the Secret"):
                attempt()
            cluster.call("PATCH", f"{APP}?fieldManager=x", {"data": {"theirs": None}}, content_type=MERGE)
        assert sink.compare(self.path, b"one") is Comparison.AS_WANTED

    def test_the_type_of_a_secret_cannot_change(self, sink: KubernetesSink, kubeconfig: Path) -> None:
        sink.write(self.path, b"one", mode=0o600)
        with pytest.raises(RenderError, match="refuses the Secret") as caught:
            open_sink(kubeconfig, type="example.org/oidc").check(self.path, b"one")
        assert "field is immutable" in caught.value.why

    def test_a_namespace_that_is_not_there_is_told(self, sink: KubernetesSink) -> None:
        with pytest.raises(RenderError, match="no such namespace") as caught:
            sink.check("nowhere/app/app.env", b"one")
        assert 'namespaces "nowhere" not found' in caught.value.why
        assert "kubectl create namespace nowhere, or correct the path" == caught.value.fix

    def test_a_login_that_may_not_write_is_told_by_the_check(self, cluster: Cluster, crew: KubernetesSink) -> None:
        for verbs, missing in (((), "get"), (("get",), "patch"), (("get", "patch"), "create")):
            self._allow(cluster, verbs)
            with pytest.raises(CredentialsError, match="may not write") as caught:
                crew.check(self.path, CANARY.encode())
            assert f"cannot {missing} resource" in caught.value.why
            assert not any(part in str(caught.value) for part in (CANARY, encoded(CANARY), CREW))

    def test_the_role_of_the_how_to_is_enough(self, cluster: Cluster, crew: KubernetesSink) -> None:
        blocks = re.findall(r"^```yaml\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)
        (role,) = [value for value in map(yaml.safe_load, blocks) if value.get("kind") == "Role"]
        self._allow(cluster, tuple(role["rules"][0]["verbs"]))
        crew.check(self.path, b"one")
        crew.write(self.path, b"one", mode=0o600)
        crew.write(self.path, b"two", mode=0o600)
        crew.remove(self.path)

    def _allow(self, cluster: Cluster, verbs: tuple[str, ...]) -> None:
        """One more Role for the crew; what it was allowed before stays."""
        name = "-".join(("iac", *verbs))
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}] if verbs else []
        cluster.call("POST", f"{rbac}/roles", {"metadata": {"name": name}, "rules": rules})
        group = "rbac.authorization.k8s.io"
        role = {"apiGroup": group, "kind": "Role", "name": name}
        crew = [{"apiGroup": group, "kind": "User", "name": "crew"}]
        cluster.call("POST", f"{rbac}/rolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": crew})

    def test_a_token_that_the_cluster_does_not_know_is_told(self, stranger: KubernetesSink) -> None:
        with pytest.raises(CredentialsError, match="refuses the login") as caught:
            stranger.check(self.path, b"one")
        assert "stranger" not in str(caught.value)
