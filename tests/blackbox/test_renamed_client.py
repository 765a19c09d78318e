"""A plan promises another content of an output only where its template reads what changes."""

from __future__ import annotations

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
