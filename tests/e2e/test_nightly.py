"""`iac ci nightly`: drift, secrets that somebody has to see to, and replaced clients whose grace time is over."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.fault import Fault, FaultKind
from iac.sealing import new_identity
from iac.workflow import plan
from tests.e2e.test_succession import ADDRESS, CLIENT_ID, FILE, NEXT, applied, later, registered, staying, writes

if TYPE_CHECKING:
    from tests.e2e.project import Project, Said

__all__ = ["applied", "staying"]
pytestmark = pytest.mark.parametrize("flavour", ["1.14"])


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitHub, which has no right to write there: it keeps its report in the folder that it is started in."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))


def night(project: Project, code: int = 0) -> tuple[Said, dict[str, str]]:
    """One night; what was said, and what the issue is to say."""
    said = project.iac("ci", "nightly")
    assert code == said.code, said.err
    (issue,) = json.loads(Path("iac-ci/report.json").read_text())["issues"]
    assert "iac-drift" == issue["label"]
    return said, issue


@pytest.fixture
def rotated(staying: Project) -> Project:
    """Another client has taken the place of one, which stays for two days."""
    assert staying.iac("rotate", ADDRESS, "--auto-approve").code == 0
    assert registered(staying) == {CLIENT_ID, NEXT}
    return staying


def test_a_night_without_anything_to_say_closes_the_issue(applied: Project) -> None:
    before = len(writes(applied))
    _, issue = night(applied)
    assert ("", before) == (issue["body"], len(writes(applied)))


def test_a_grace_time_that_is_over_is_ended_once_and_the_issue_says_so(
    rotated: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "" == night(rotated)[1]["body"], "two days are not over"
    later(monkeypatch, 3)
    said, issue = night(rotated)
    assert registered(rotated) == {NEXT}
    assert "Apply: 1 done." in said.out
    assert "Replaced clients" == issue["title"]
    line = f"- `{ADDRESS}`: the grace time of `{CLIENT_ID}`, the predecessor of `{NEXT}`, is over: it was deleted"
    assert line in issue["body"].splitlines()
    assert line in Path("summary").read_text()
    assert "" == night(rotated)[1]["body"]
    assert rotated.iac("plan", "--detailed-exitcode").code == 0


def test_a_guard_keeps_it_and_the_issue_says_which(rotated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 3)
    rotated.write("iac.yaml", rotated.read("iac.yaml") + "limits: {max_deletes: 0}\n")
    _, issue = night(rotated, 3)
    assert registered(rotated) == {CLIENT_ID, NEXT}
    assert "it was not deleted: the plan is refused" in issue["body"]
    assert "max-deletes" in issue["body"]


def test_nothing_else_is_applied_at_night(rotated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A definition that nobody has applied, at the same address and at another."""
    later(monkeypatch, 3)
    rotated.edit(FILE, '"client_name": "Client team/portal"', '"client_name": "Not reviewed"')
    rotated.define("team/other", redirect_uris=["https://other.example.org/cb"])
    before = len(writes(rotated))
    _, issue = night(rotated)
    assert before == len(writes(rotated))
    assert "is over: the next apply there deletes it" in issue["body"]
    rotated.edit(FILE, '"client_name": "Not reviewed"', '"client_name": "Client team/portal"')
    night(rotated)
    assert ["DELETE"] == writes(rotated)[before:], "the other address waits for its review"


def test_what_comes_in_between_stops_it(rotated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 3)
    real = plan.read_plan

    def read_then_change(*arguments: Any) -> Any:
        found = real(*arguments)
        rotated.edit(FILE, '"client_name": "Client team/portal"', '"client_name": "Meanwhile"')
        return found

    monkeypatch.setattr("iac.cli.ci.read_plan", read_then_change)
    _, issue = night(rotated, 4)
    assert "it was not deleted: the plan does more than end grace times, nothing was sent" in issue["body"]
    assert registered(rotated) == {CLIENT_ID, NEXT}


def test_secrets_that_are_due_or_sealed_to_others_are_named(applied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = json.loads(applied.read(FILE))
    friend = new_identity()[1]
    lifecycle = {"rotate_after": "30d"}
    applied.define(ADDRESS, **{**definition, "lifecycle": lifecycle, "recipients": [friend]})
    later(monkeypatch, 31)
    _, issue = night(applied)
    assert "Secrets need attention" == issue["title"]
    assert "`rotation-due`" in issue["body"]
    assert "`sealed-to-others`" in issue["body"]
    assert "fix: `iac state rekey`" in issue["body"]


def test_former_recipients_of_the_state_are_named(applied: Project) -> None:
    friend = new_identity()[1]
    (own,) = re.findall(r"age1\w+", applied.read("iac.yaml"))
    applied.edit("iac.yaml", own, f"{own}, {friend}")
    assert "former" not in night(applied)[1]["body"]
    applied.edit("iac.yaml", f"{own}, {friend}", friend)
    _, issue = night(applied)
    assert f"- `{ADDRESS}`: former recipients can open the secret: `{own}`" in issue["body"]
    assert "iac state rekey" in issue["body"]


def test_drift_is_told_with_the_rest(rotated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 3)
    store = rotated.sandbox.iam.world.store
    by_hand = store.find(NEXT)
    assert by_hand
    store.put(replace(by_hand, client_name="By `hand`\n@team"))
    _, issue = night(rotated)
    assert "Clients were changed on the server" == issue["title"]
    assert "#### Clients" in issue["body"]
    assert "@team" not in "".join(line for line in issue["body"].splitlines() if not line.startswith(("+", "-")))
    assert registered(rotated) == {CLIENT_ID, NEXT}, "the plan at this address has more to do"


def test_a_server_that_does_not_answer_leaves_the_issue_as_it_is(rotated: Project) -> None:
    rotated.sandbox.faults.add(Fault(kind=FaultKind.STATUS, path="/iam/api/clients*", status=401, times=9))
    assert 6 == rotated.iac("ci", "nightly").code
    assert not Path("iac-ci").exists()
