"""A plan promises another content of an output only where its template reads what changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.blackbox.kit import Project


def outputs_of(plan: Any) -> dict[str, str]:
    """What the plan says of each output of its only change."""
    (change,) = plan["changes"]
    return {output["path"]: output["action"] for output in change["outputs"]}


@pytest.fixture
def applied(project: Project) -> Project:
    project.write("templates/name.j2", "{{ client.client_id }} {{ client.client_name | verbatim }}\n")
    project.define(
        "team/job",
        grant_types=["client_credentials"],
        scope=["openid"],
        outputs=[
            {"template": "dotenv", "path": "out/job.env"},
            {"template": "json", "path": "out/job.json"},
            {"template": "name.j2", "path": "out/name"},
        ],
    )
    project.done("apply", "--auto-approve")
    return project


def test_a_new_name_changes_the_output_that_prints_it_alone(applied: Project) -> None:
    applied.edit("clients.d/team/job.yaml", "Client team/job", "Another name")
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "unchanged", "out/job.json": "unchanged", "out/name": "update"} == outputs_of(plan)


def test_another_scope_changes_the_output_that_prints_it_alone(applied: Project) -> None:
    applied.edit("clients.d/team/job.yaml", '"openid"', '"openid", "profile"')
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "unchanged", "out/job.json": "update", "out/name": "unchanged"} == outputs_of(plan)


def rename(project: Project) -> None:
    project.edit("clients.d/team/job.yaml", "Client team/job", "Another name")


def test_what_a_plan_promised_is_done_and_nothing_is_left(applied: Project) -> None:
    before = applied.state()["outputs"]
    rename(applied)
    report = applied.done("apply", "--auto-approve")
    assert "out/name" in report.out
    assert "out/job.env" not in report.out
    assert "team-job Another name\n" == applied.read("out/name")
    after = applied.state()["outputs"]
    assert before["out/job.env"]["read"] == after["out/job.env"]["read"]
    assert before["out/job.env"]["digest"] != after["out/job.env"]["digest"]
    assert before["out/job.env"]["serial"] == after["out/job.env"]["serial"] < after["out/name"]["serial"]
    assert 0 == applied.iac("plan", "--detailed-exitcode").code
    assert 0 == applied.iac("render", "--check").code


def test_a_new_secret_changes_every_output_that_prints_it(applied: Project) -> None:
    applied.edit("clients.d/team/job.yaml", '"scope"', '"secret": {"serial": 2},\n "scope"')
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "update", "out/job.json": "update", "out/name": "unchanged"} == outputs_of(plan)


def test_a_state_of_before_changes_nothing_by_itself_and_each_output_once(applied: Project) -> None:
    state = applied.state()
    for record in state["outputs"].values():
        del record["read"]
    applied.write(".iac/state.json", json.dumps(state))
    assert 0 == applied.iac("plan", "--detailed-exitcode").code
    rename(applied)
    plan = applied.done("plan", "--format", "json").json()
    assert {"update"} == set(outputs_of(plan).values())
    applied.done("apply", "--auto-approve")
    assert {True} == {"read" in record for record in applied.state()["outputs"].values()}
    applied.edit("clients.d/team/job.yaml", "Another name", "A third name")
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "unchanged", "out/job.json": "unchanged", "out/name": "update"} == outputs_of(plan)


def test_another_template_changes_its_output_whatever_it_reads(applied: Project) -> None:
    rename(applied)
    applied.edit("templates/name.j2", "verbatim", "json")
    applied.edit("clients.d/team/job.yaml", '"out/job.env"', '"out/job.env", "mode": "0640"')
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "update", "out/job.json": "unchanged", "out/name": "update"} == outputs_of(plan)


def test_a_template_that_prints_the_whole_client_changes_with_all_of_it(applied: Project) -> None:
    applied.write("templates/name.j2", "{% for name, one in clients.items() %}{{ one | json }}{% endfor %}\n")
    applied.done("apply", "--auto-approve")
    rename(applied)
    plan = applied.done("plan", "--format", "json").json()
    assert {"out/job.env": "unchanged", "out/job.json": "unchanged", "out/name": "update"} == outputs_of(plan)
