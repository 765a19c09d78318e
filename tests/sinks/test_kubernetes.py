from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from iac.core.errors import RenderError, UnknownOutcome, UnreachableError
from iac.ports import Comparison
from iac.sinks.kubernetes.secret import MARK
from tests.fakes.kubernetes import ADMIN, CREW, Refused, fake_cluster
from tests.sinks.cluster import CANARY, KubernetesContract, encoded, open_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iac.sinks.kubernetes.sink import KubernetesSink
    from tests.fakes.kubernetes import FakeCluster

PATH = "rucio/app/app.env"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with fake_cluster() as cluster:
        yield cluster


def written(folder: Path, cluster: FakeCluster, token: str) -> Path:
    value = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": cluster.server}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path = folder / f"{len(list(folder.iterdir()))}.kubeconfig"
    path.write_text(yaml.safe_dump(value))
    return path


@pytest.fixture
def kubeconfig(cluster: FakeCluster, tmp_path: Path) -> Path:
    return written(tmp_path, cluster, ADMIN)


@pytest.fixture
def sink(kubeconfig: Path) -> KubernetesSink:
    return open_sink(kubeconfig)


@pytest.fixture
def crew(cluster: FakeCluster, tmp_path: Path) -> KubernetesSink:
    return open_sink(written(tmp_path, cluster, CREW))


@pytest.fixture
def stranger(cluster: FakeCluster, tmp_path: Path) -> KubernetesSink:
    return open_sink(written(tmp_path, cluster, "stranger"))


class TestKubernetesSink(KubernetesContract):
    """The contract, by a fake API."""


def test_an_answer_that_was_lost_is_read_back(cluster: FakeCluster, sink: KubernetesSink) -> None:
    cluster.lose = {"PATCH"}
    assert sink.write(PATH, b"one", mode=0o600)
    cluster.lose = {"DELETE"}
    sink.remove(PATH)
    assert {} == cluster.secrets


def test_a_write_that_was_lost_is_told_and_done_by_the_next(
    cluster: FakeCluster, sink: KubernetesSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(PATH, b"one", mode=0o600)
    handle = cluster.handle

    def reads_only(method: str, *rest: object) -> object:
        return handle(method if method == "GET" else "GET", *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(cluster, "handle", reads_only)
    for method, attempt in (
        ("PATCH", lambda: sink.write(PATH, CANARY.encode(), mode=0o600)),
        ("DELETE", lambda: sink.remove(PATH)),
    ):
        cluster.lose = {method}
        with pytest.raises(UnknownOutcome) as caught:
            attempt()
        assert not any(part in str(caught.value) for part in (CANARY, encoded(CANARY), ADMIN))
    monkeypatch.undo()
    assert sink.write(PATH, CANARY.encode(), mode=0o600)


def test_a_secret_that_somebody_deletes_meanwhile_is_removed(
    cluster: FakeCluster, sink: KubernetesSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(PATH, b"one", mode=0o600)
    handle = cluster.handle

    def after_another(method: str, *rest: object) -> object:
        if method == "DELETE":
            cluster.secrets.clear()
        return handle(method, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(cluster, "handle", after_another)
    sink.remove(PATH)
    assert ["DELETE"] == [method for method, _ in cluster.requests if method == "DELETE"]


def test_an_answer_that_is_not_what_was_sent_is_an_error(cluster: FakeCluster, sink: KubernetesSink) -> None:
    cluster.meddle = {"data": {"app.env": encoded("meddled")}}
    with pytest.raises(RenderError, match="another Secret than iac sent"):
        sink.write(PATH, CANARY.encode(), mode=0o600)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"metadata": 1}'])
def test_a_server_that_is_no_cluster_is_told(cluster: FakeCluster, sink: KubernetesSink, body: bytes) -> None:
    cluster.answer = (200, body)
    with pytest.raises(UnreachableError, match="does not answer as a Kubernetes API"):
        sink.check(PATH, b"one")


@pytest.mark.parametrize("status", [409, 500])
def test_words_that_repeat_what_was_sent_are_not_shown(cluster: FakeCluster, sink: KubernetesSink, status: int) -> None:
    sink.write(PATH, b"one", mode=0o600)
    handle = cluster.handle

    def repeats(method: str, *rest: object) -> object:
        if method == "PATCH":
            return status, {"message": f"bad {encoded(CANARY)}"}
        return handle(method, *rest)  # type: ignore[arg-type]

    cluster.handle = repeats  # type: ignore[method-assign, assignment]
    with pytest.raises(RenderError if status == 409 else UnreachableError) as caught:
        sink.write(PATH, CANARY.encode(), mode=0o600)
    assert not any(part in str(caught.value) for part in (CANARY, encoded(CANARY)))


@pytest.mark.parametrize("content", [b"A=it's\n", b"A\n", b'A="x"\n', b"1A=x\n", b"A=x y\n", b"A=1\nA=2\n"])
def test_what_is_no_dotenv_cannot_be_several_keys(sink: KubernetesSink, content: bytes) -> None:
    with pytest.raises(RenderError, match="cannot be several keys") as caught:
        sink.check("rucio/app", content)
    line = len(content.splitlines())
    assert caught.value.why.startswith(f"line {line} is not NAME=VALUE as dotenv has it")


@pytest.mark.parametrize(
    "path", ["rucio", "Rucio/app/x", "rucio/app/..x", "rucio/app/a/b", "rucio/app/", "rucio/app/ü"]
)
def test_a_path_names_a_namespace_a_secret_and_a_key(sink: KubernetesSink, path: str) -> None:
    with pytest.raises(RenderError, match="names no key of a Secret"):
        sink.check(path, b"A=1\n")


def test_nothing_is_exposed_to_git(sink: KubernetesSink) -> None:
    assert {} == sink.exposed([PATH])


def test_force_is_never_asked_for(cluster: FakeCluster, sink: KubernetesSink) -> None:
    sink.check(PATH, b"one")
    sink.write(PATH, b"one", mode=0o600)
    patches = [path for method, path in cluster.requests if method == "PATCH"]
    assert ["All", ""] == [path.partition("dryRun=")[2] for path in patches]
    assert all("fieldManager=iac&force=false" in path for path in patches)


def test_a_mark_of_another_environment_is_not_ours(kubeconfig: Path, sink: KubernetesSink) -> None:
    open_sink(kubeconfig, owner="rucio/dev").write(PATH, b"one", mode=0o600)
    assert sink.compare(PATH, b"one") is Comparison.OTHER
    with pytest.raises(RenderError, match=f"{MARK}: rucio/prod"):
        sink.remove(PATH)


@pytest.mark.parametrize("status", [403, 409, 422])
@pytest.mark.parametrize("said", [CANARY, encoded(f"SECRET='{CANARY}'\n")], ids=["clear", "as sent"])
def test_a_cluster_that_repeats_a_secret_is_not_repeated(
    cluster: FakeCluster, sink: KubernetesSink, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    handle = cluster.handle

    def repeating(method: str, *rest: Any) -> Any:
        if method == "PATCH":
            cause = {"reason": "FieldManagerConflict", "message": f"is {said}", "field": ".data"}
            raise Refused(status, "Denied", f"a webhook does not like {said}", [cause] if status == 409 else None)
        return handle(method, *rest)

    monkeypatch.setattr(cluster, "handle", repeating)
    with pytest.raises((RenderError, UnreachableError), match="words that repeat a secret") as caught:
        sink.write(PATH, f"SECRET='{CANARY}'\n".encode(), mode=0o600)
    assert said not in str(caught.value)
