"""Three environments in one file: each has its own login, plan, digest, note and issue, and none waits for another."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.workflow.pipelines.conftest import READER, WRITER, check_silence, needs_tools
from tests.workflow.pipelines.github import GitHub
from tests.workflow.pipelines.gitlab import TOKEN, GitLab
from tests.workflow.pipelines.site import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.sandbox.server import Sandbox
    from tests.workflow.pipelines.hub import Hub

pytestmark = needs_tools
NAMES = ("dev", "test", "prod")


@pytest.fixture
def down() -> Iterator[Sandbox]:
    """The server of one environment."""
    with start_sandbox("1.14") as running:
        yield running


def environments(down: Sandbox) -> dict[str, str]:
    """Two environments of one server, and one of another."""
    issuers = {"test": f"issuer: '{down.issuer}', "}
    return {name: f"{{{issuers.get(name, '')}state: {{path: demo/{name}.json}}}}" for name in NAMES}


def change(hub: Hub, **values: object) -> None:
    hub.branch("change-1")
    hub.define(
        "portal", **values, environments={name: {"client_id": f"portal-{name}", "outputs": []} for name in NAMES}
    )
    hub.commit("a change")


def registered(sandbox: Sandbox) -> list[str]:
    return sorted(str(one.client_id) for one in sandbox.iam.world.store.clients() if "portal" in str(one.client_id))


def rename(sandbox: Sandbox, client_id: str) -> None:
    """Somebody changes a client on the server."""
    store = sandbox.iam.world.store
    client = store.find(client_id)
    assert client
    store.put(replace(client, client_name="By hand"))


def let_in(sandbox: Sandbox, login: dict[str, str]) -> None:
    """The server of an environment knows the login of its jobs from now on."""
    store = sandbox.iam.world.store
    client = store.find(login["IAC_CLIENT_ID"])
    assert client
    store.put(replace(client, client_secret=login["IAC_CLIENT_SECRET"]))


@pytest.fixture
def github(hub: Hub, down: Sandbox) -> Iterator[GitHub]:
    """Each environment of the forge has its login; the server of `test` does not know it, so nobody gets in there."""
    hub.make("github", environments(down))
    github = GitHub(hub)
    for name in NAMES:
        github.environments |= {
            f"iac-plan-{name}": READER,
            f"iac-apply-{name}": {**WRITER, "IAC_AGE_IDENTITY": hub.identity},
            f"iac-approve-{name}": {},
        }
    with serve(github.answer) as site:
        github.url = site.url
        yield github
    told = [each["body"] for each in [*github.comments.values(), *github.issues.values()]]
    check_silence(hub, told, github.tokens)


def results(jobs: dict[str, object]) -> dict[str, str]:
    return {name: getattr(job, "result", "") for name, job in jobs.items()}


def test_github_plans_and_applies_each_and_one_that_is_down_hides_no_other(github: GitHub, down: Sandbox) -> None:
    hub = github.hub
    change(hub, client_name="Data portal")
    github.open_pull(1, "change-1")
    assert "success" == github.run("iac-validate", "pull_request", number=1)["validate"].result
    planned = github.run("iac", "pull_request_target", number=1)
    expected = {"plan (dev)": "success", "plan (test)": "failure", "plan (prod)": "success", "report": "success"}
    assert expected == results({**planned})
    notes = {each["body"].split()[1]: each["body"] for each in github.comments.values()}
    assert {f"iac-plan-{name}" for name in NAMES} == set(notes)
    assert "1 to create" in notes["iac-plan-prod"]
    assert "### No plan" in notes["iac-plan-test"]
    github.merge_pull(1)
    applied = github.run("iac", "push")
    assert {
        "apply (dev)": "success",
        "apply (test)": "failure",
        "apply (prod)": "success",
        "report": "success",
    } == results({**applied})
    assert ["portal-dev", "portal-prod"] == registered(hub.sandbox)
    assert [] == registered(down)


def apply_first(github: GitHub, down: Sandbox) -> Hub:
    """All three environments are up, and a first change is reviewed, merged and applied in each."""
    let_in(down, READER)
    let_in(down, WRITER)
    change(github.hub)
    github.open_pull(1, "change-1")
    github.run("iac", "pull_request_target", number=1)
    github.merge_pull(1)
    github.run("iac", "push")
    return github.hub


def test_github_applies_by_hand_in_the_environment_that_was_chosen(github: GitHub, down: Sandbox) -> None:
    hub = apply_first(github, down)
    secrets = {name: hub.secret(f"portal-{name}") for name in ("dev", "prod")}
    github.rejected = {"iac-approve-dev"}
    chosen = {"environment": "prod", "rotate": "portal", "revoke": True}
    jobs = github.run("iac", "workflow_dispatch", inputs=chosen)
    assert "this run is for environment prod" in jobs["apply (dev)"].log
    assert {"success"} == set(results({**jobs}).values()), jobs["apply (prod)"].log
    after = {name: hub.secret(f"portal-{name}") for name in ("dev", "prod")}
    assert (secrets["dev"], True) == (after["dev"], secrets["prod"] != after["prod"])
    refused = github.run("iac", "workflow_dispatch", inputs={**chosen, "environment": "dev"})
    assert {"approve": "failure", "report": "success"} == results({**refused})
    # A server that was changed: the digest that was shown is approved for one environment.
    rename(hub.sandbox, "portal-dev")
    rename(hub.sandbox, "portal-prod")
    stopped = github.run("iac", "push")
    (digest,) = re.findall(r"now (sha256:\w{64})", stopped["apply (prod)"].log)
    approved = {"environment": "prod", "digest": digest}
    assert "success" == github.run("iac", "workflow_dispatch", inputs=approved)["apply (prod)"].result
    names = [getattr(hub.sandbox.iam.world.store.find(f"portal-{name}"), "client_name", "") for name in ("dev", "prod")]
    assert ["By hand", "Client portal"] == names


def test_github_keeps_an_issue_of_each_at_night(github: GitHub, down: Sandbox) -> None:
    hub = apply_first(github, down)
    rename(hub.sandbox, "portal-prod")
    assert {"success"} == set(results({**github.run("iac", "schedule")}).values())
    assert [["iac-drift-prod"]] == [each["labels"] for each in github.issues.values()]


@pytest.fixture
def gitlab(hub: Hub, down: Sandbox) -> Iterator[GitLab]:
    """As `github`."""
    hub.make("gitlab", environments(down))
    gitlab = GitLab(hub)
    gitlab.protected = {"*": {"IAC_GITLAB_TOKEN": TOKEN}}
    for name in NAMES:
        gitlab.protected |= {
            f"iac-plan-{name}": READER,
            f"iac-apply-{name}": {**WRITER, "IAC_AGE_IDENTITY": hub.identity},
        }
    with serve(gitlab.answer) as site:
        gitlab.url = site.url
        yield gitlab
    told = [each["body"] for each in gitlab.notes.values()] + [each["description"] for each in gitlab.issues.values()]
    check_silence(hub, told, [TOKEN])


def test_gitlab_plans_and_applies_each_and_one_that_is_down_hides_no_other(gitlab: GitLab, down: Sandbox) -> None:
    hub = gitlab.hub
    change(hub, client_name="Data portal")
    gitlab.open_request(1, "change-1")
    jobs = gitlab.run("schedule", IAC_JOB="plan")
    assert {"iac-plan: [dev]": "success", "iac-plan: [test]": "failed", "iac-plan: [prod]": "success"} == results(
        {**jobs}
    )
    assert ["iac-plan-dev", "iac-plan-prod"] == sorted(each["body"].split()[1] for each in gitlab.notes.values())
    gitlab.merge_request(1)
    applied = gitlab.run("push")
    assert {"iac-apply: [dev]": "success", "iac-apply: [test]": "failed", "iac-apply: [prod]": "success"} == results(
        {**applied}
    )
    assert ["portal-dev", "portal-prod"] == registered(hub.sandbox)
    assert [] == registered(down)
    rename(hub.sandbox, "portal-prod")
    gitlab.run("schedule", IAC_JOB="drift")  # as version 0.1 had it
    assert ["iac-drift-prod"] == [each["labels"] for each in gitlab.issues.values()]


def test_gitlab_rotates_in_the_environment_that_is_named_and_in_no_other(gitlab: GitLab) -> None:
    hub = gitlab.hub
    change(hub)
    gitlab.open_request(1, "change-1")
    gitlab.run("schedule", IAC_JOB="plan")
    gitlab.merge_request(1)
    gitlab.run("push")
    before = {name: hub.secret(f"portal-{name}") for name in ("dev", "prod")}
    refused = gitlab.run("web", IAC_ROTATE="portal")
    assert "--rotate is for one environment: give --only ENV, or set IAC_ONLY" in refused["iac-apply: [prod]"].log
    assert before == {name: hub.secret(f"portal-{name}") for name in ("dev", "prod")}
    assert {"success"} == set(results({**gitlab.run("web", IAC_ROTATE="portal", IAC_ONLY="prod")}).values())
    assert before["dev"] == hub.secret("portal-dev")
    assert before["prod"] != hub.secret("portal-prod")
