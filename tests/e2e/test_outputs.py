"""Files of several clients and several files of one, when things go wrong between them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.fault import Fault, FaultKind
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from tests.e2e.project import Project

BOTH = "out/both.json"
TEMPLATE = """\
{"portal": {{ clients.a.client_secret | json }}, "other": {{ clients.b.client_secret | json }}}
"""


@pytest.fixture(params=["1.12", "1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(project: Project) -> Project:
    """A second client, and a file that takes the secrets of both."""
    project.define("team/other", grant_types=["client_credentials"])
    project.write("templates/both.json.j2", TEMPLATE)
    outputs = f"outputs: [{{template: both.json.j2, path: {BOTH}, clients: {{a: team/portal, b: team/other}}}}]\n"
    project.write("iac.yaml", project.read("iac.yaml") + outputs)
    return project


def _assert_both_log_in(project: Project) -> None:
    rendered = json.loads(project.read(BOTH))
    assert logs_in(project.sandbox.iam, "team-portal", rendered["portal"])
    assert logs_in(project.sandbox.iam, "team-other", rendered["other"])
    assert project.iac("plan", "--detailed-exitcode").code == 0
    assert project.iac("render", "--check").code == 0


def test_a_file_of_two_clients_is_written_once_and_anew_when_one_changes(both: Project) -> None:
    said = both.apply("--format", "json")
    assert [BOTH, "out/portal.env"] == sorted(output["path"] for output in said.json()["outputs"])
    _assert_both_log_in(both)
    both.edit("clients.d/team/other.yaml", '"grant_types"', '"secret": {"serial": 2},\n "grant_types"')
    assert both.apply().code == 0
    _assert_both_log_in(both)


@pytest.mark.parametrize("skip", [0, 1])
def test_a_file_of_two_clients_waits_for_the_one_that_failed(both: Project, skip: int) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=400, method="POST", path="/iam/api/clients", skip=skip)
    both.sandbox.faults.add(fault)
    said = both.apply("--parallelism", "1", "--format", "json")
    assert said.code == 5
    report = said.json()
    assert (1, 1) == (len(report["done"]), len(report["failed"]))
    assert not (both.root / BOTH).exists()
    said = both.apply()
    assert (0, "") == (said.code, said.err)
    _assert_both_log_in(both)


def test_a_file_of_two_clients_waits_for_the_one_that_is_not_aimed_at(both: Project) -> None:
    both.apply("--target", "team/other")
    assert not (both.root / BOTH).exists()
    said = both.apply()
    assert (0, "") == (said.code, said.err)
    _assert_both_log_in(both)


def test_before_an_apply_nothing_can_be_rendered(both: Project) -> None:
    said = both.iac("render", "--format", "json")
    assert said.code == 0
    assert {"blocked"} == {output["status"] for output in said.json()["outputs"]}
    assert not (both.root / "out").exists()


def test_render_check_tells_missing_and_changed_files(both: Project) -> None:
    assert both.apply().code == 0
    (both.root / BOTH).unlink()
    both.write("out/portal.env", "changed by hand\n")
    said = both.iac("render", "--check", "--format", "json")
    assert said.code == 2
    states = {output["path"]: output["status"] for output in said.json()["outputs"]}
    assert states == {BOTH: "missing", "out/portal.env": "differs"}
    assert both.read("out/portal.env") == "changed by hand\n"
    assert both.iac("render", "--target", "team/other").code == 0
    assert both.read("out/portal.env") == "changed by hand\n"
    assert both.iac("render").code == 0
    _assert_both_log_in(both)


def test_an_output_that_is_no_longer_declared_is_removed_or_its_place_is_told(both: Project) -> None:
    assert both.apply().code == 0
    values = json.loads(both.read("clients.d/team/portal.yaml"))
    both.define("team/portal", **{**values, "outputs": []})
    (both.root / "out/portal.env").unlink()
    (both.root / "out/portal.env").mkdir()
    said = both.apply()
    assert said.code == 5
    assert "! out/portal.env: not written" in said.out
    assert "there is a folder" in said.out
    (both.root / "out/portal.env").rmdir()
    both.write("out/portal.env", "old\n")
    assert both.apply().code == 0
    assert not (both.root / "out/portal.env").exists()
    _assert_both_log_in(both)


def test_a_moved_client_without_other_changes_is_moved_in_state(project: Project) -> None:
    project.define("team/other", grant_types=["client_credentials"])
    assert project.apply().code == 0
    (project.root / "clients.d/team/other.yaml").rename(project.root / "clients.d/team/another.yaml")
    project.write("iac.yaml", project.read("iac.yaml") + "moved: [{from: team/other, to: team/another}]\n")
    assert project.apply().code == 0
    assert "team/another" in project.iac("state", "list").out
    assert "no changes" in project.iac("plan").out
