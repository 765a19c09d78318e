"""Outputs that go elsewhere than to clear files: encrypted, and into a cluster. A failed sink loses nothing."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from iac.clock import SystemClock
from iac.sandbox.fault import Fault, FaultKind
from iac.sealing import new_identity
from iac.sinks.kubernetes.secret import MARK
from tests.fakes.kubernetes import ADMIN, fake_cluster
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import Project
    from tests.fakes.kubernetes import FakeCluster

ENVIRONMENTS = """\
environments:
  dev: {state: {path: dev.json}, sinks: {vault: {kind: sops}}}
  prod: {state: {path: prod.json}}
"""
SECRET = "/api/v1/namespaces/rucio/secrets/portal"


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A cluster that KUBECONFIG leads to."""
    with fake_cluster() as cluster:
        value = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": cluster.server}}],
            "users": [{"name": "u", "user": {"token": ADMIN}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(value))
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield cluster


def with_sinks(project: Project, *lines: str) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + "\n".join(["sinks:", *(f"  {line}" for line in lines), ""]))


def goes_to(project: Project, *outputs: dict[str, object]) -> None:
    """The outputs of the one client."""
    values = json.loads(project.read("clients.d/team/portal.yaml"))
    project.define("team/portal", **{**values, "outputs": [{"template": "dotenv", **each} for each in outputs]})


def rendered(text: str) -> str:
    """The client secret in a dotenv text."""
    return next(line.partition("=")[2] for line in text.splitlines() if "CLIENT_SECRET=" in line)


def assert_settled(project: Project) -> None:
    said = project.iac("plan", "--detailed-exitcode")
    assert (0, "") == (said.code, said.err), said.out
    said = project.iac("render", "--check")
    assert 0 == said.code, said.out + said.err
    said = project.iac("verify")
    assert 0 == said.code, said.out + said.err


def test_an_encrypted_file_is_tracked_by_git_and_not_rewritten(project: Project) -> None:
    with_sinks(project, "sops: {kind: sops}", "age: {kind: age}")
    goes_to(project, {"path": "secrets/portal.env", "sink": "sops"}, {"path": "secrets/portal.env.age", "sink": "age"})
    (project.root / ".git").mkdir()
    said = project.apply()
    assert (0, "") == (said.code, said.err)
    assert "sops://secrets/portal.env" in said.out
    files = [project.root / "secrets/portal.env", project.root / "secrets/portal.env.age"]
    secret = project.registered("team-portal").client_secret
    before = [file.read_bytes() for file in files]
    assert secret
    assert not any(secret.encode() in text for text in before)
    assert 0 == project.iac("render").code
    assert before == [file.read_bytes() for file in files]
    assert_settled(project)
    project.edit("clients.d/team/portal.yaml", '"client_id"', '"secret": {"serial": 2},\n "client_id"')
    assert 0 == project.apply().code
    assert all(old != file.read_bytes() for old, file in zip(before, files, strict=True))
    assert_settled(project)


def test_other_recipients_are_a_change_of_the_output_alone(project: Project) -> None:
    with_sinks(project, "age: {kind: age}")
    goes_to(project, {"path": "portal.age", "sink": "age"})
    assert 0 == project.apply().code
    before = (project.root / "portal.age").read_bytes()
    theirs, key = new_identity()
    project.edit("iac.yaml", "{kind: age}", f"{{kind: age, recipients: [{key}]}}")
    said = project.iac("plan")
    assert f"age://portal.age (update, sealed to {key})" in said.out
    assert 0 == project.apply().code
    assert before != (project.root / "portal.age").read_bytes()
    said = project.iac("render", "--check")
    assert 1 == said.code
    assert "the age identity does not open this file: portal.age" in said.out
    assert theirs.reveal() not in said.out + said.err


def test_a_secret_in_a_cluster_lives_and_dies_with_its_output(project: Project, cluster: FakeCluster) -> None:
    with_sinks(project, "cluster: {kind: kubernetes, labels: {app: portal}}")
    goes_to(project, {"path": "rucio/portal", "sink": "cluster"})
    said = project.apply()
    assert (0, "") == (said.code, said.err)
    status, secret = cluster.call("GET", SECRET)
    assert (200, {MARK: "demo/default"}) == (status, secret["metadata"]["annotations"])
    key = next(name for name in secret["data"] if name.endswith("CLIENT_SECRET"))
    assert logs_in(project.sandbox.iam, "team-portal", base64.b64decode(secret["data"][key]).decode())
    assert_settled(project)
    cluster.call("DELETE", SECRET)
    said = project.iac("render", "--check", "--format", "json")
    assert (2, [("cluster", "missing")]) == (said.code, [(o["sink"], o["status"]) for o in said.json()["outputs"]])
    assert 0 == project.iac("render").code
    goes_to(project)
    assert 0 == project.apply().code
    assert 404 == cluster.call("GET", SECRET)[0]


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ({"path": "out/portal.env"}, {"path": "out/portal.env", "sink": "sops"}),
        ({"path": "out/portal.env", "sink": "sops"}, {"path": "out/portal.env"}),
        ({"path": "out/portal.env"}, {"path": "rucio/portal/portal.env", "sink": "cluster"}),
        ({"path": "rucio/portal", "sink": "cluster"}, {"path": "rucio/portal/portal.env", "sink": "cluster"}),
        ({"path": "rucio/portal", "sink": "cluster"}, {"path": "rucio/other", "sink": "cluster"}),
        ({"path": "rucio/portal", "sink": "cluster"}, {"path": "rucio/portal", "sink": "same"}),
    ],
)
def test_an_output_moves_to_another_sink_or_path(
    project: Project, cluster: FakeCluster, there: dict[str, object], then: dict[str, object]
) -> None:
    with_sinks(project, "sops: {kind: sops}", "cluster: {kind: kubernetes}", "same: {kind: kubernetes}")
    goes_to(project, there)
    assert 0 == project.apply().code
    goes_to(project, then)
    said = project.apply("--format", "json")
    assert 0 == said.code, said.err
    assert ["create", "delete"] == [output["action"] for output in said.json()["outputs"]]
    assert_settled(project)
    held = [name for name, _ in cluster.secrets.items()]
    files = [path.name for path in (project.root / "out").glob("*")]
    assert 1 == len(held) + len(files), (held, files)


def test_the_old_place_stays_until_the_new_one_is_written(project: Project, cluster: FakeCluster) -> None:
    with_sinks(project, "cluster: {kind: kubernetes}")
    assert 0 == project.apply().code
    old = project.read("out/portal.env")
    goes_to(project, {"path": "rucio/portal", "sink": "cluster"})
    cluster.meddle = {"data": {"OIDC_CLIENT_SECRET": "bWVkZGxlZA=="}, "type": "meddled"}
    said = project.apply("--format", "json")
    assert 5 == said.code
    written = {output["sink"]: output["written"] for output in said.json()["outputs"]}
    assert {"cluster": False, "file": False} == written
    assert old == project.read("out/portal.env")
    cluster.meddle = {}
    cluster.secrets.clear()
    assert 0 == project.apply().code
    assert not (project.root / "out/portal.env").exists()
    assert_settled(project)


def test_a_sink_that_fails_in_the_middle_is_a_failed_change_and_the_next_apply_delivers(
    project: Project, cluster: FakeCluster
) -> None:
    with_sinks(project, "cluster: {kind: kubernetes}")
    goes_to(project, {"path": "rucio/portal", "sink": "cluster"}, {"path": "out/portal.env"})
    handle = cluster.handle

    def forbids(method: str, target: str, *rest: object) -> object:
        if method == "PATCH" and "dryRun" not in target:
            return 403, {"message": "quota exceeded", "reason": "Forbidden"}
        return handle(method, target, *rest)  # type: ignore[arg-type]

    cluster.handle = forbids  # type: ignore[method-assign, assignment]
    said = project.apply()
    assert 5 == said.code
    assert "! cluster://rucio/portal: not written" in said.out
    assert "quota exceeded" in said.out
    secret = rendered(project.read("out/portal.env"))
    assert logs_in(project.sandbox.iam, "team-portal", secret), "the other output is delivered"
    cluster.handle = handle  # type: ignore[method-assign]
    said = project.iac("plan", "--detailed-exitcode")
    assert (2, True) == (said.code, "cluster://rucio/portal (create)" in said.out)
    assert 0 == project.apply().code
    assert_settled(project)
    assert secret == rendered(project.read("out/portal.env")), "and no new secret was made"


def test_a_cluster_that_is_not_found_keeps_no_file_from_being_removed(
    project: Project, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_sinks(project, "cluster: {kind: kubernetes}")
    secret: dict[str, object] = {"path": "rucio/portal", "sink": "cluster"}
    goes_to(project, secret, {"path": "out/portal.env"})
    assert 0 == project.apply().code
    goes_to(project, secret)
    monkeypatch.setenv("KUBECONFIG", str(project.root / "nowhere"))
    assert 0 == project.apply().code
    assert not (project.root / "out/portal.env").exists()
    assert 1 == len(cluster.secrets)


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
def test_a_sink_that_cannot_be_written_stops_before_anything_is_sent(
    project: Project, cluster: FakeCluster, who: str
) -> None:
    with_sinks(project, "cluster: {kind: kubernetes}")
    goes_to(project, {"path": "nowhere/portal" if who == "nobody" else "rucio/portal", "sink": "cluster"})
    cluster.call("POST", "/api/v1/namespaces/rucio/secrets", {"metadata": {"name": "portal"}})
    said = project.apply()
    assert 1 == said.code
    assert ("there is no such namespace" if who == "nobody" else "belongs to another owner") in said.err
    assert project.sandbox.iam.world.store.find("team-portal") is None


def test_a_content_that_sops_would_not_take_stops_before_anything_is_sent(project: Project) -> None:
    with_sinks(project, "sops: {kind: sops}")
    project.write("templates/x.j2", "pi: 3.14\n")
    goes_to(project, {"template": "x.j2", "path": "out/x.yaml", "sink": "sops"})
    said = project.apply()
    assert 1 == said.code
    assert "the output cannot be encrypted by SOPS: out/x.yaml" in said.err
    assert project.sandbox.iam.world.store.find("team-portal") is None


def test_a_sink_that_left_iac_yaml_too_early_is_told_by_the_plan(project: Project) -> None:
    with_sinks(project, "sops: {kind: sops}")
    goes_to(project, {"path": "portal.env", "sink": "sops"})
    assert 0 == project.apply().code
    goes_to(project, {"path": "out/portal.env"})
    project.edit("iac.yaml", "sinks:\n  sops: {kind: sops}\n", "")
    said = project.iac("plan")
    assert 1 == said.code
    assert "fix: keep sinks.sops in iac.yaml until an apply has removed the output" in said.err


@pytest.mark.parametrize(("name", "begin"), [("dev", "CLIENT_ID=ENC["), ("prod", "-----BEGIN AGE")])
def test_an_environment_has_sinks_of_its_own(project: Project, name: str, begin: str) -> None:
    with_sinks(project, "vault: {kind: age}")
    project.write("iac.yaml", project.read("iac.yaml").replace("  lineage:", "  # lineage:") + ENVIRONMENTS)
    goes_to(project, {"path": "vault.env", "sink": "vault"})
    assert 0 == project.iac("--env", name, "state", "init").code
    assert 0 == project.iac("--env", name, "apply", "--auto-approve").code
    assert project.read("vault.env").startswith(begin)


def test_a_failed_change_delivers_nothing_of_its_client(project: Project, cluster: FakeCluster) -> None:
    with_sinks(project, "cluster: {kind: kubernetes}")
    goes_to(project, {"path": "rucio/portal", "sink": "cluster"})
    fault = Fault(kind=FaultKind.STATUS, status=400, method="POST", path="/iam/api/clients")
    project.sandbox.faults.add(fault)
    assert 5 == project.apply().code
    assert {} == cluster.secrets
    assert 0 == project.apply().code
    assert_settled(project)


def test_a_rotation_that_replaces_goes_through_every_sink_before_the_old_client_goes(
    project: Project, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_sinks(project, "vault: {kind: sops}", "sealed: {kind: age}", "live: {kind: kubernetes}")
    places = {"vault": "deploy/portal.env", "sealed": "deploy/portal.age", "live": "rucio/portal"}
    values = json.loads(project.read("clients.d/team/portal.yaml"))
    outputs = [{"template": "dotenv", "path": path, "sink": sink} for sink, path in places.items()]
    stays = {"rotation": "replace", "grace": "1h"}
    project.define("team/portal", **{**values, "outputs": outputs, "lifecycle": stays})
    assert project.apply().code == 0
    (project.root / "deploy/portal.age").unlink()
    (project.root / "deploy/portal.age").mkdir()
    assert project.iac("rotate", "team/portal", "--auto-approve").code == 1, "refused before anything is sent"
    (project.root / "deploy/portal.age").rmdir()
    assert project.iac("rotate", "team/portal", "--auto-approve").code == 0
    assert_settled(project)
    data = cluster.call("GET", SECRET)[1]["data"]
    assert "team-portal.r2" in {base64.b64decode(value).decode() for value in data.values()}
    rows = {row["client_id"]: row for row in project.iac("list", "--format", "json").json()["clients"]}
    assert ["live://rucio/portal", "sealed://deploy/portal.age", "vault://deploy/portal.env"] == sorted(
        rows["team-portal.r2"]["outputs"]
    )
    assert ("replaced", []) == (rows["team-portal"]["state"], rows["team-portal"]["outputs"])
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(hours=2))
    assert project.apply().code == 0
    assert project.sandbox.iam.world.store.find("team-portal") is None
    assert_settled(project)
