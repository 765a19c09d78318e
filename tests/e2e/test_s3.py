"""The commands with state in S3: two machines, a held lock, logins that are none, a library that is not there."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from iac.backends.lock import render_note
from iac.ports import Holder
from tests.backends.s3server import BUCKET, KEY, KEY_ID, Gate, S3Site, gated, place, serving
from tests.e2e.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OBJECT = "demo/default.json"
HELD = Holder("run-of-another", "ada@elsewhere 4711", "2026-11-23T11:58:57Z", "2999-01-01T00:00:00Z")


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gate() -> Iterator[Gate]:
    with serving() as endpoint, gated(endpoint) as made:
        yield made


@pytest.fixture
def bucket(gate: Gate, tmp_path: Path) -> S3Site:
    return S3Site(tmp_path, place(gate.endpoint, OBJECT))


@pytest.fixture
def shared(project: Project, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project, its state in S3, made and empty."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    where = f"backend: s3\n  bucket: {BUCKET}\n  region: us-east-1\n  endpoint: {gate.endpoint}"
    project.edit("iac.yaml", "backend: file\n  path: .iac/state.json", where)
    lineage = project.read("iac.yaml").partition("lineage: ")[2].split()[0]
    project.edit("iac.yaml", f"  lineage: {lineage}\n", "")
    made = project.iac("state", "init")
    assert made.code == 0, made.err
    return project


def machine(project: Project, folder: Path) -> Project:
    """Another machine's checkout: what is in version control and nothing else."""
    shutil.copytree(project.root, folder, ignore=shutil.ignore_patterns(".iac", "out"))
    return Project(folder, project.sandbox, project._capsys)


def test_a_second_machine_goes_on_where_the_first_one_ended(
    shared: Project, gate: Gate, bucket: S3Site, tmp_path: Path
) -> None:
    gate.asked.clear()
    applied = shared.apply()
    assert applied.code == 0, applied.err
    writes = [asked for asked in gate.asked if asked.startswith("PUT json")]
    assert ["PUT json If-Match"] * 2 == writes
    assert "team-portal" in bucket.document()
    other = machine(shared, tmp_path / "other")
    assert other.iac("plan", "--detailed-exitcode").code == 0
    assert other.iac("render").code == 0
    assert other.read("out/portal.env") == shared.read("out/portal.env")


def test_a_held_lock_ends_with_6_and_is_broken_by_name(shared: Project, bucket: S3Site) -> None:
    bucket.store.put(bucket.lock_key, render_note(HELD))
    refused = shared.apply("--lock-timeout", "0")
    assert refused.code == 6
    assert "ada@elsewhere 4711" in refused.err
    assert "if that run has died, run: iac state unlock" in shared.iac("plan").err
    assert shared.iac("state", "unlock", HELD.run_id).code == 0
    assert shared.apply("--lock-timeout", "0").code == 0


@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("state", "list"), ("render",)])
def test_a_refused_login_ends_with_6_and_names_no_key(shared: Project, gate: Gate, command: tuple[str, ...]) -> None:
    gate.answer = 403, f"<Error><Code>AccessDenied</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>".encode()
    refused = shared.iac("-vv", *command)
    assert refused.code == 6
    assert "AccessDenied" in refused.err
    assert "s3:GetObject" in refused.err
    for canary in (KEY_ID, KEY):
        assert canary not in refused.out + refused.err


def test_a_second_state_is_not_made_in_the_same_place(shared: Project, bucket: S3Site) -> None:
    before = json.loads(bucket.document())
    lineage = shared.read("iac.yaml").partition("lineage: ")[2].split()[0]
    shared.edit("iac.yaml", f"  lineage: {lineage}\n", "")
    refused = shared.iac("state", "init")
    assert refused.code == 1
    assert "there is a state already" in refused.err
    assert before == json.loads(bucket.document())


def test_without_the_library_the_command_that_installs_it_is_named(
    shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("obstore", "iac.backends.s3"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    refused = shared.iac("plan")
    assert refused.code == 1
    assert "fix: install the extra s3 of iac" in refused.err
