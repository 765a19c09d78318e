"""The workflows for GitHub, step by step: planned, reviewed, merged, applied, rendered; and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from iac.sandbox.fault import Fault, FaultKind
from tests.workflow.pipelines.conftest import READER, WRITER, check_silence, needs_tools
from tests.workflow.pipelines.github import BOT, GitHub, forged, run_action
from tests.workflow.pipelines.site import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.sandbox.message import Request, Response
    from tests.workflow.pipelines.hub import Hub

pytestmark = needs_tools
RENDERER = "host-of-services"


@pytest.fixture
def github(hub: Hub) -> Iterator[GitHub]:
    """A repository with the workflows on its default branch, environments set up as the page says, nothing applied."""
    github = GitHub(hub)
    hub.make("github")
    identity = {"IAC_AGE_IDENTITY": hub.identity}
    github.environments = {
        "iac-plan": READER,
        "iac-apply": {**WRITER, **identity},
        "iac-render": identity,
        "iac-approve": {},
    }
    with serve(github.answer) as site:
        github.url = site.url
        yield github
    told = [each["body"] for each in [*github.comments.values(), *github.issues.values()]]
    check_silence(hub, told, github.tokens)


def propose(github: GitHub, number: int = 1, **values: object) -> None:
    """A pull request that changes the portal's definition."""
    github.hub.branch(f"change-{number}")
    github.hub.define("portal", **(values or {"contacts": ["ops@example.org"]}))
    github.hub.commit("a change")
    github.open_pull(number, f"change-{number}")


def planned(github: GitHub, number: int = 1) -> str:
    """The comment that the plan of a pull request leaves."""
    jobs = github.run("iac", "pull_request_target", number=number)
    assert {"plan": "success", "report": "success"} == {name: job.result for name, job in jobs.items()}, jobs[
        "plan"
    ].log
    (body,) = comments(github, number, "<!-- iac-plan ")
    return body


def comments(github: GitHub, number: int, mark: str) -> list[str]:
    return [
        each["body"] for each in github.comments.values() if each["issue"] == number and each["body"].startswith(mark)
    ]


def merged(github: GitHub, number: int = 1) -> None:
    planned(github, number)
    github.merge_pull(number)


def registered(github: GitHub) -> list[str]:
    return [
        each.client_id or "" for each in github.hub.sandbox.iam.world.store.clients() if "portal" in str(each.client_id)
    ]


def test_a_change_is_planned_reviewed_merged_applied_and_rendered_on_another_runner(github: GitHub) -> None:
    propose(github, client_name="Data portal")
    assert "success" == github.run("iac-validate", "pull_request", number=1)["validate"].result
    first = planned(github)
    assert "1 to create" in first
    assert github.pulls[1]["head"]["sha"] in first
    assert [] == registered(github)
    github.hub.define("portal", client_name="Portal of data")
    github.hub.commit("another name")
    github.open_pull(1, "change-1")
    second = planned(github)
    assert "Portal of data" in second
    assert 1 == len(github.comments)
    github.variables["IAC_RENDER_RUNNER"] = RENDERER
    github.merge_pull(1)
    jobs = github.run("iac", "push")
    assert {"apply": "success", "report": "success", "render": "success"} == {
        name: job.result for name, job in jobs.items()
    }, jobs["apply"].log
    assert ["portal"] == registered(github)
    rendered = jobs["render"].folder
    assert rendered
    assert rendered != jobs["apply"].folder
    assert github.hub.secret("portal") in (rendered / "out/portal.env").read_text()
    installed = set((github.hub.folder / "pip.log").read_text().splitlines())
    options = "install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r .github/"
    assert {f"{options}iac-requirements.txt"} == installed


def test_a_change_on_the_server_after_the_review_stops_with_4_and_needs_another_approval(reviewed: GitHub) -> None:
    github = reviewed
    github.run("iac", "push")
    propose(github, 2, client_name="Data portal")
    merged(github, 2)
    store = github.hub.sandbox.iam.world.store
    by_hand = store.find("portal")
    assert by_hand
    store.put(replace(by_hand, client_name="By hand", scope=("openid",)))
    stopped = github.run("iac", "push")
    assert {"apply": "failure", "report": "success"} == {name: job.result for name, job in stopped.items()}
    assert "exit 4" in stopped["apply"].log
    assert "By hand" == getattr(store.find("portal"), "client_name", "")
    (told,) = comments(github, 2, "<!-- iac-apply ")
    (digest,) = re.findall(r"Digest `(sha256:\w+)`", told)
    github.rejected = {"iac-approve"}
    refused = github.run("iac", "workflow_dispatch", inputs={"digest": digest})
    assert {"approve": "failure", "report": "success"} == {name: job.result for name, job in refused.items()}
    github.rejected = set()
    assert "success" == github.run("iac", "workflow_dispatch", inputs={"digest": digest})["apply"].result
    assert "Data portal" == getattr(store.find("portal"), "client_name", "")


@pytest.fixture
def reviewed(github: GitHub) -> GitHub:
    """A pull request that was planned and merged."""
    propose(github)
    merged(github)
    return github


def test_a_runner_that_is_lost_in_the_middle_is_followed_by_one_that_finishes(reviewed: GitHub) -> None:
    server = reviewed.hub.sandbox.server
    running: list[subprocess.Popen[str]] = []
    reviewed.started = running.append
    honest = server.answer

    def answer(request: Request) -> Response:
        response = honest(request)
        if request.method == "POST" and request.path == "/iam/api/clients":
            os.killpg(running[-1].pid, signal.SIGKILL)  # the client is made, and nobody gets the answer
        return response

    server.answer = answer  # type: ignore[method-assign]
    assert "failure" == reviewed.run("iac", "push")["apply"].result
    assert ["portal"] == registered(reviewed)
    secret = reviewed.hub.secret("portal")
    server.answer = honest  # type: ignore[method-assign]
    free_lock(reviewed.hub)
    again = reviewed.run("iac", "push")["apply"]
    assert "success" == again.result, again.log
    assert ["portal"] == registered(reviewed)
    assert again.folder
    assert secret == reviewed.hub.secret("portal")
    assert secret in (again.folder / "out/portal.env").read_text()


def free_lock(hub: Hub) -> None:
    """Ten minutes go by: the lock of the run that is gone ends. Its note is in a ref of its own."""
    for ref in hub.git("for-each-ref", "--format=%(refname)", "refs/iac/lock", where=hub.bare).splitlines():
        hub.git("update-ref", "-d", ref, where=hub.bare)


def test_what_was_applied_in_part_is_tried_again_with_the_same_approval(reviewed: GitHub) -> None:
    fault = Fault(kind=FaultKind.STATUS, method="POST", path="/iam/api/clients", status=400, body="json", times=1)
    reviewed.hub.sandbox.faults.add(fault)
    job = reviewed.run("iac", "push")["apply"]
    assert "success" == job.result, job.log
    assert "applied in part" in job.log
    assert ["portal"] == registered(reviewed)


def test_without_a_plan_of_the_merged_commit_nothing_is_applied(github: GitHub) -> None:
    propose(github)
    planned(github)
    github.hub.define("portal", client_name="Slipped in after the review")
    github.hub.commit("after the review")
    github.open_pull(1, "change-1")
    github.merge_pull(1)
    jobs = github.run("iac", "push")
    assert "exit 4" in jobs["apply"].log
    assert [] == registered(github)
    assert "Slipped in" in comments(github, 1, "<!-- iac-apply ")[0]


@pytest.mark.live
def test_a_commit_that_came_by_no_pull_request_passes_only_without_changes(github: GitHub) -> None:
    assert "exit 4" in github.run("iac", "push")["apply"].log
    assert {} == github.comments
    propose(github)
    merged(github)
    assert "success" == github.run("iac", "push")["apply"].result
    github.pulls.clear()
    assert "success" == github.run("iac", "push")["apply"].result


def test_a_digest_that_another_job_put_there_does_not_count(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The author's own job uploads the right digest under the right name; nobody has seen that plan."""
    propose(github)
    sha = github.pulls[1]["head"]["sha"]
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    plan = json.loads(
        subprocess.check_output(["iac", "-C", github.hub.clone, "plan", "--format", "json"], env={
            **os.environ, "PATH": github.hub.tools()}, text=True)
    )  # fmt: skip
    plans = [{"number": 1, "head": sha, "digest": plan["digest"]}]
    files = {"report.json": json.dumps({"plans": plans, "notes": [], "issues": []})}
    for event, file in (("pull_request", "iac"), ("pull_request_target", "other"), ("push", "iac")):
        forged(github, f"iac-plan-1-{sha}", files, event=event, path=f".github/workflows/{file}.yml")
    github.merge_pull(1)
    assert "exit 4" in github.run("iac", "push")["apply"].log
    assert [] == registered(github)


def test_a_pull_request_that_changes_settings_is_planned_with_those_of_the_base(github: GitHub) -> None:
    """Issuer, login, state and limits are shown as findings; its server and its workflow are never asked."""
    with serve(lambda _: {}) as evil:
        github.hub.branch("change-1")
        file = github.hub.clone / "iac.yaml"
        text = file.read_text().replace(github.hub.sandbox.issuer, f"{evil.url}/").replace("IAC_CLIENT_SECRET", "PATH")
        file.write_text(text.replace("iac-state", "evil-state") + "limits: {max_deletes: null}\n")
        (github.hub.clone / ".github/workflows/iac.yml").write_text("on: {pull_request_target: }\njobs: {}\n")
        github.hub.commit("evil")
        github.open_pull(1, "change-1")
        said = planned(github)
        assert [] == evil.asked
    assert "1 to create" in said
    for setting in ("issuer", "auth.client_secret.env", "state.branch", "limits.max_deletes"):
        assert re.search(rf"\*\*warning\*\* `settings-changed` `iac\.yaml:\d+:\d+`: `{re.escape(setting)} is ", said)


def test_files_of_a_pull_request_lead_nowhere_and_run_nothing(github: GitHub) -> None:
    """Links to the base's files, a template that tries to get out, attributes that name filters, hostile names."""
    hub = github.hub
    hub.branch("change-1")
    (hub.clone / "clients.d/leak.yaml").symlink_to("../../work/.git/config")
    (hub.clone / "templates").mkdir()
    (hub.clone / "templates/evil.j2").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    hub.define("portal", client_name="x`\n\n@team ::error::", outputs=[{"template": "evil.j2", "path": "out/x"}])
    (hub.clone / ".gitattributes").write_text("*.yaml filter=evil\n")
    hub.commit("evil")
    github.open_pull(1, "change-1")
    jobs = github.run("iac", "pull_request_target", number=1)
    assert {"plan": "failure", "report": "success"} == {name: job.result for name, job in jobs.items()}
    (comment,) = github.comments.values()
    assert "outside-project" in comment["body"]
    assert "repositoryformatversion" not in comment["body"] + jobs["plan"].log
    told = [line for line in comment["body"].splitlines() if line.startswith("    ")]
    assert told
    assert "@team" not in "".join(line for line in comment["body"].splitlines() if line not in told)


def test_a_pull_request_that_has_moved_on_is_left_to_its_newer_run(github: GitHub) -> None:
    propose(github)
    github.pulls[1]["head"] = {**github.pulls[1]["head"], "sha": "0" * 40}
    jobs = github.run("iac", "pull_request_target", number=1)
    assert "has moved on" in jobs["plan"].log
    assert {} == github.comments


@pytest.mark.live
def test_a_comment_of_somebody_else_is_left_alone(github: GitHub) -> None:
    propose(github)
    for number in range(100):
        github.comments[number] = {
            "id": number,
            "issue": 1,
            "user": {"login": "eve"},
            "body": "<!-- iac-plan x --> mine",
        }
    github.run("iac", "pull_request_target", number=1)
    github.run("iac", "pull_request_target", number=1)
    assert 1 == len([each for each in github.comments.values() if each["user"]["login"] == BOT])
    assert all(each["body"] == "<!-- iac-plan x --> mine" for number, each in github.comments.items() if number < 100)


def test_drift_is_reported_in_one_issue_accepted_and_the_issue_closed(
    reviewed: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iac.cli import run

    hub = reviewed.hub
    reviewed.run("iac", "push")
    assert {"nightly": "success", "report": "success"} == {
        name: job.result for name, job in reviewed.run("iac", "schedule").items()
    }
    assert {} == reviewed.issues
    store = hub.sandbox.iam.world.store
    for name in ("Changed by hand", "Changed again"):
        found = store.find("portal")
        assert found
        store.put(replace(found, client_name=name, contacts=("ops@example.org",)))
        reviewed.run("iac", "schedule")
    (issue,) = reviewed.issues.values()
    assert "open" == issue["state"]
    assert "Changed again" in issue["body"]
    hub.branch("accept")
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    assert 0 == run(["-C", str(hub.clone), "drift", "--accept", "portal"])
    hub.commit("accept")
    reviewed.open_pull(2, "accept")
    merged(reviewed, 2)
    assert "success" == reviewed.run("iac", "push")["apply"].result
    reviewed.run("iac", "schedule")
    assert "closed" == issue["state"]


def test_a_server_that_does_not_answer_is_no_drift(github: GitHub) -> None:
    github.hub.sandbox.faults.add(Fault(kind=FaultKind.STATUS, path="/iam/api/clients*", status=401, times=9))
    jobs = github.run("iac", "schedule")
    assert ("failure", {}) == (jobs["nightly"].result, github.issues)


def test_a_rotation_by_hand_gives_a_new_secret_after_approval(reviewed: GitHub, tmp_path: Path) -> None:
    reviewed.run("iac", "push")
    before = reviewed.hub.secret("portal")
    reviewed.rejected = {"iac-approve"}
    inputs = {"rotate": f"portal $(touch {tmp_path}/run)", "revoke": False}
    assert "apply" not in reviewed.run("iac", "workflow_dispatch", inputs=inputs)
    reviewed.rejected = set()
    assert "failure" == reviewed.run("iac", "workflow_dispatch", inputs=inputs)["apply"].result
    assert not (tmp_path / "run").exists()
    assert before == reviewed.hub.secret("portal")
    inputs = {"rotate": "portal", "revoke": True}
    assert "success" == reviewed.run("iac", "workflow_dispatch", inputs=inputs)["apply"].result
    assert before != reviewed.hub.secret("portal")


def test_a_plan_needs_a_client_that_reads_alone_and_no_key_and_writes_nothing(reviewed: GitHub) -> None:
    hub = reviewed.hub
    reviewed.run("iac", "push")
    propose(reviewed, 2, client_name="Data portal")
    before = hub.git("for-each-ref", where=hub.bare)
    honest, asked = hub.sandbox.server.answer, []

    def answer(request: Request) -> Response:
        asked.append(f"{request.method} {request.path}")
        return honest(request)

    hub.sandbox.server.answer = answer  # type: ignore[method-assign]
    assert "1 to update" in planned(reviewed, 2)
    assert before == hub.git("for-each-ref", where=hub.bare)
    assert {"POST /token"} == {each for each in asked if not each.startswith("GET ")}
    assert {"IAC_CLIENT_ID", "IAC_CLIENT_SECRET"} == set(reviewed.environments["iac-plan"])


def test_the_action_validates_and_plans(github: GitHub) -> None:
    action = yaml.safe_load((Path(__file__).parents[3] / "action.yml").read_text(encoding="utf-8"))
    usual = {name: str(given["default"]) for name, given in action["inputs"].items()}
    steps = action["runs"]["steps"]
    assert "success" == run_action(github, steps, usual, {}).result
    asked = {**usual, "command": "plan", "settings-from": "iac.yaml"}
    plan = run_action(github, steps, asked, READER)
    assert "success" == plan.result, plan.log
    assert "true" == plan.outputs["changes"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", plan.outputs["digest"])
    wrong = run_action(github, steps, {**usual, "command": "apply; id", "extras": "jose,s3"}, READER)
    assert ("failure", True) == (wrong.result, "validate or plan, not apply; id" in wrong.log)
    no_extra = run_action(github, steps, {**usual, "extras": "jose,../x"}, READER)
    assert ("failure", True) == (no_extra.result, "extras are jose, s3 and sops, not ../x" in no_extra.log)
    installed = [
        (options, re.findall(r"-r \S+/requirements/hashes/(\w+)\.txt", rest))
        for options, _, rest in (
            line.partition(" --no-deps") for line in (github.hub.folder / "pip.log").read_text().splitlines()
        )
    ]
    options = "install --quiet --disable-pip-version-check --require-hashes --only-binary :all:"
    assert [(options, ["base"]), (options, ["base"]), (options, ["base", "jose", "s3"])] == installed[-3:]


def test_names_of_files_command_no_runner_where_a_merge_fails(github: GitHub) -> None:
    hub, name = github.hub, "clients.d/x\n::error::pwned ##[error]"
    hub.rename("change-1", name)
    github.open_pull(1, "change-1")
    hub.change_meanwhile()
    plan = github.run("iac", "pull_request_target", number=1)["plan"]
    assert ("failure", True) == (plan.result, "CONFLICT" in plan.log)
    assert not [line for line in plan.log.splitlines() if line.strip().startswith("::") or "##[" in line]
