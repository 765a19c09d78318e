"""Who will be able to open a secret is part of the plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pyrage import x25519

if TYPE_CHECKING:
    from tests.blackbox.kit import Project

CLIENT = {"redirect_uris": ["https://portal.example.org/cb"]}
HOST, STRANGER = (str(x25519.Identity.generate().to_public()) for _ in range(2))
VIEWS = ("text", "markdown", "json", "github", "sarif", "junit")


def ours(project: Project) -> str:
    identity = x25519.Identity.from_str(project.env["IAC_AGE_IDENTITY"])
    return str(identity.to_public())


def told(project: Project) -> Any:
    return project.iac("plan", "--format", "json").json()


def in_views(project: Project) -> dict[str, bool]:
    """Whether each view names the stranger."""
    reports = [argument for view in VIEWS for argument in ("--report", f"{view}=plan.{view}")]
    project.iac("plan", *reports)
    return {view: STRANGER in project.read(f"plan.{view}") for view in VIEWS}


def findings(plan: Any) -> list[str]:
    return [each["id"] for each in [*plan["findings"], *(one for c in plan["changes"] for one in c["findings"])]]


@pytest.fixture
def applied(project: Project) -> Project:
    project.define("team/portal", **CLIENT, recipients=[HOST])
    assert 0 == project.apply().code
    return project


def test_a_new_client_says_who_will_be_able_to_open_its_secret(project: Project) -> None:
    project.define("team/portal", **CLIENT, recipients=[STRANGER])
    (change,) = told(project)["changes"]
    after = sorted([STRANGER, ours(project)])
    expected = {"before": None, "after": after, "added": [], "removed": [], "sealed": True}
    assert expected == change["recipients"]
    assert {"text", "markdown", "json"} <= {view for view, is_there in in_views(project).items() if is_there}


def test_a_recipient_that_is_new_is_in_every_view_though_nothing_else_changes(applied: Project) -> None:
    applied.define("team/portal", **CLIENT, recipients=[HOST, STRANGER])
    assert dict.fromkeys(VIEWS, True) == in_views(applied)
    plan = told(applied)
    assert [] == plan["changes"]
    (who,) = plan["recipients"]
    assert ("team/portal", [STRANGER], [], False) == (who["address"], who["added"], who["removed"], who["sealed"])
    assert "it stays sealed as it is until iac state rekey" in applied.iac("plan").out
    assert "recipient-added" in findings(plan)


def test_rekey_does_what_the_plan_said(applied: Project) -> None:
    applied.define("team/portal", **CLIENT, recipients=[STRANGER])
    (who,) = told(applied)["recipients"]
    assert ([STRANGER], [HOST]) == (who["added"], who["removed"])
    applied.done("state", "rekey")
    plan = told(applied)
    assert ([], []) == (plan["recipients"], findings(plan))


def test_a_rotation_says_to_whom_the_new_secret_goes(applied: Project) -> None:
    applied.define("team/portal", **CLIENT, recipients=[STRANGER], secret={"serial": 2})
    assert dict.fromkeys(VIEWS, True) == in_views(applied)
    (change,) = told(applied)["changes"]
    who = change["recipients"]
    assert ([STRANGER], [HOST], True) == (who["added"], who["removed"], who["sealed"])
    assert 0 == applied.apply().code
    assert [] == told(applied)["recipients"]


def test_a_recipient_of_the_whole_state_is_said_once_for_all_clients(applied: Project) -> None:
    for number in range(8):
        applied.define(f"team/app-{number}", **CLIENT)
    assert 0 == applied.apply().code
    applied.edit("iac.yaml", "recipients: [", f"recipients: [{STRANGER}, ")
    plan = told(applied)
    assert 9 == len(plan["recipients"])
    assert ["recipient-added"] == findings(plan)
    assert "9 clients" in plan["findings"][0]["message"]
    lines = [line for line in applied.iac("plan").out.splitlines() if STRANGER in line]
    assert 2 == len(lines)
    assert dict.fromkeys(VIEWS, True) == in_views(applied)


def test_a_state_that_does_not_know_its_recipients_invents_no_difference(applied: Project) -> None:
    state = applied.state()
    for client in state["clients"].values():
        client["secret"].pop("state_recipients", None)
    applied.write(".iac/state.json", json.dumps(state))
    assert [] == told(applied)["recipients"]
    applied.define("team/portal", **CLIENT, recipients=[HOST], client_uri="https://portal.example.org/")
    (change,) = told(applied)["changes"]
    who = change["recipients"]
    assert (None, [], [], sorted([HOST, ours(applied)])) == (who["before"], who["added"], who["removed"], who["after"])


@pytest.mark.parametrize(("level", "code"), [("error", 3), ("warning", 0), ("off", 0)])
def test_policy_can_refuse_a_new_recipient(applied: Project, level: str, code: int) -> None:
    applied.write("iac.yaml", applied.read("iac.yaml") + f"policy: {{recipient-added: '{level}'}}\n")
    applied.define("team/portal", **CLIENT, recipients=[HOST, STRANGER])
    assert code == applied.iac("plan").code
    assert ("recipient-added" in findings(told(applied))) == (level != "off")


def test_a_recipient_that_is_known_to_be_right_can_be_waived(applied: Project) -> None:
    waiver = {"id": "recipient-added", "reason": "the new host of the portal", "until": "2999-12-31"}
    applied.define("team/portal", **CLIENT, recipients=[HOST, STRANGER], waive=[waiver])
    (finding,) = [each for each in told(applied)["findings"] if each["id"] == "recipient-added"]
    assert "waived" == finding["severity"]


def test_secrets_that_would_be_stored_in_clear_are_said(applied: Project) -> None:
    text = applied.read("iac.yaml")
    start = text.index("  encryption:")
    applied.write("iac.yaml", text[:start] + "  encryption: none\n")
    applied.define("team/portal", **CLIENT, secret={"serial": 2})
    plan = told(applied)
    assert "recipient-added" in findings(plan)
    assert "in clear" in applied.iac("plan").out


def test_a_saved_plan_is_refused_where_recipients_of_the_state_came_since(applied: Project) -> None:
    applied.define("team/portal", **CLIENT, recipients=[HOST], secret={"serial": 2})
    applied.done("plan", "--out", "plan.json")
    applied.edit("iac.yaml", "recipients: [", f"recipients: [{STRANGER}, ")
    said = applied.iac("apply", "plan.json")
    assert 4 == said.code
    assert "team/portal: recipients.after" in said.err


def test_an_output_that_its_sink_encrypts_says_for_whom(project: Project) -> None:
    project.write("iac.yaml", project.read("iac.yaml") + f"sinks: {{vault: {{kind: age, recipients: [{STRANGER}]}}}}\n")
    project.define("team/portal", **CLIENT, outputs=[{"template": "dotenv", "path": "out/portal.age", "sink": "vault"}])
    (change,) = told(project)["changes"]
    (output,) = change["outputs"]
    assert [STRANGER] == output["recipients"]
    assert {"text", "markdown", "json"} <= {view for view, is_there in in_views(project).items() if is_there}
