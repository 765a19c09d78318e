"""State mended by hand, on every flavour: what plan and apply make of it afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from iac.sealing import new_identity
from tests.fakes.provider import logs_in

if TYPE_CHECKING:
    from tests.e2e.project import Project

ADDRESS, CLIENT_ID, FILE = "team/portal", "team-portal", "clients.d/team/portal.yaml"


@pytest.fixture
def applied(project: Project) -> Project:
    assert project.apply().code == 0
    return project


def rendered(project: Project) -> str:
    (line,) = [line for line in project.read("out/portal.env").splitlines() if "SECRET" in line]
    return line.split("=", 1)[1].strip("'\"")


def is_settled(project: Project) -> bool:
    """The next plan is empty, outputs are as rendered, and the rendered secret logs in."""
    return (
        project.iac("plan", "--detailed-exitcode").code == 0
        and project.iac("render", "--check").code == 0
        and logs_in(project.sandbox.iam, CLIENT_ID, rendered(project))
    )


def test_a_moved_client_is_the_same_client(applied: Project) -> None:
    before = applied.registered(CLIENT_ID)
    assert applied.iac("state", "mv", ADDRESS, "grid/portal").code == 0
    assert applied.iac("plan").code == 3
    applied.define("grid/portal", **{**json.loads(applied.read(FILE)), "client_id": CLIENT_ID})
    (applied.root / FILE).unlink()
    plan = applied.iac("plan", "--format", "json").json()
    assert [] == [change for change in plan["changes"] if change["fields"]]
    assert applied.apply().code == 0
    assert applied.registered(CLIENT_ID) == before
    assert is_settled(applied)


def test_a_forgotten_client_is_refused_until_it_is_adopted(applied: Project, flavour: str) -> None:
    before = applied.registered(CLIENT_ID)
    assert applied.iac("state", "rm", ADDRESS, "--yes").code == 0
    assert applied.registered(CLIENT_ID) == before
    said = applied.iac("plan")
    assert said.code == 3
    assert "client-id-taken" in said.out
    applied.define(ADDRESS, **{**json.loads(applied.read(FILE)), "adopt": True})
    assert applied.apply().code == 0
    assert applied.registered(CLIENT_ID) == before
    if flavour != "1.14":
        assert is_settled(applied)


def test_a_forgotten_client_comes_back_by_the_copy_that_was_pulled(applied: Project) -> None:
    copy = applied.iac("state", "pull").out
    assert str(applied.registered(CLIENT_ID).client_secret) not in copy
    assert applied.iac("state", "rm", ADDRESS, "--yes").code == 0
    applied.write("copy.json", copy)
    assert applied.iac("state", "push", "copy.json").code == 1
    assert applied.iac("state", "push", "--force", "copy.json").code == 0
    assert is_settled(applied)


def test_a_rekeyed_state_renders_with_the_new_identity_alone(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, recipient = new_identity()
    text = applied.read("iac.yaml")
    start = text.index("recipients: [") + len("recipients: [")
    applied.write("iac.yaml", text[:start] + recipient + text[text.index("]", start) :])
    assert applied.iac("state", "rekey").code == 0
    assert applied.iac("render").code == 1
    monkeypatch.setenv("IAC_AGE_IDENTITY", identity.reveal())
    assert is_settled(applied)


def test_state_that_is_gone_with_its_machine_comes_back_from_a_copy(applied: Project) -> None:
    applied.write("copy.json", applied.iac("state", "pull").out)
    for path in (applied.root / ".iac").iterdir():
        path.unlink()
    assert applied.iac("plan").code == 1
    assert applied.iac("state", "push", "copy.json").code == 0
    assert is_settled(applied)
