"""GitHub as our workflows see it: its API, which honours a job's permissions, and its runner, which runs their steps.

Workflow files are read where GitHub reads them: for pull_request from the pull request, else from the default branch
(docs.github.com, "Events that trigger workflows"). Shell steps run as they are written, in bash, in an empty workspace
of their job; of actions the four that we use have stand-ins.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.workflow.pipelines.expression import evaluate, fill
from tests.workflow.pipelines.site import Asked, Elsewhere, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workflow.pipelines.hub import Hub

BOT = "github-actions[bot]"
NAME = "team/clients"
ROUTES = (
    ("POST", r"issues/(\d+)/comments", "pull-requests", "write", "_comment"),
    ("GET", r"issues/(\d+)/comments", "pull-requests", "read", "_comments_of"),
    ("PATCH", r"issues/comments/(\d+)", "pull-requests", "write", "_change_comment"),
    ("POST", "issues", "issues", "write", "_open_issue"),
    ("GET", "issues", "issues", "read", "_issues_like"),
    ("PATCH", r"issues/(\d+)", "issues", "write", "_change_issue"),
    ("GET", "commits/([0-9a-f]{40})/pulls", "pull-requests", "read", "_pulls_of"),
    ("GET", "actions/artifacts", "actions", "read", "_artifacts"),
    ("GET", r"actions/runs/(\d+)", "actions", "read", "_run"),
    ("GET", r"actions/runs/(\d+)/jobs", "actions", "read", "_jobs_of"),
    ("GET", r"actions/artifacts/(\d+)/zip", "actions", "read", "_zip"),
)
"""What our steps ask, and the permission that it takes (docs.github.com, "Permissions required for GitHub Apps")."""


@dataclass
class Job:
    """How a job ended, and where its files are."""

    result: str
    folder: Path | None = None
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class GitHub:
    """One repository on it."""

    hub: Hub
    url: str = ""
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    started: Callable[[subprocess.Popen[str]], None] = lambda _: None
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    # the API

    def answer(self, asked: Asked) -> Any:
        if asked.path.startswith("/storage/"):
            assert not asked.token, "a storage gets no token"
            return self._zipped(int(asked.path.removeprefix("/storage/")))
        may = self.tokens.get(asked.token)
        if may is None:
            raise Refused(401)
        for method, path, what, how, do in ROUTES:
            found = re.fullmatch(f"/repos/{NAME}/{path}", asked.path)
            if found and method == asked.method:
                if may.get(what) not in {how, "write"}:
                    raise Refused(403)
                return getattr(self, do)(asked, *found.groups())
        raise Refused(404)

    def _comment(self, asked: Asked, number: str) -> Any:
        made = {"id": next(self.numbers), "issue": int(number), "user": {"login": BOT}, "body": asked.body["body"]}
        self.comments[made["id"]] = made
        return made

    def _comments_of(self, asked: Asked, number: str) -> Any:
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        every = [each for each in self.comments.values() if each["issue"] == int(number)]
        return every[(page - 1) * size : page * size]

    def _change_comment(self, asked: Asked, number: str) -> Any:
        self.comments[int(number)].update(asked.body)
        return self.comments[int(number)]

    def _open_issue(self, asked: Asked) -> Any:
        made = {"number": next(self.numbers), "user": {"login": BOT}, "state": "open", **asked.body}
        self.issues[made["number"]] = made
        return made

    def _issues_like(self, asked: Asked) -> Any:
        wanted = asked.query
        return [
            each
            for each in self.issues.values()
            if each["state"] == wanted["state"]
            and wanted["labels"] in each["labels"]
            and each["user"]["login"] == wanted["creator"]
        ]

    def _change_issue(self, asked: Asked, number: str) -> Any:
        self.issues[int(number)].update(asked.body)
        return self.issues[int(number)]

    def _pulls_of(self, _: Asked, sha: str) -> Any:
        return [each for each in self.pulls.values() if sha in {each["merge_commit_sha"], each["head"]["sha"]}]

    def _artifacts(self, asked: Asked) -> Any:
        return {"artifacts": [each for each in self.artifacts if each["name"] == asked.query["name"]]}

    def _run(self, _: Asked, number: str) -> Any:
        return self.runs[int(number)]

    def _jobs_of(self, _: Asked, number: str) -> Any:
        jobs = self.runs[int(number)].get("jobs", {})
        return {"jobs": [{"name": name, "conclusion": result} for name, result in jobs.items()]}

    def _zip(self, _: Asked, number: str) -> Any:
        return Elsewhere(f"{self.url}/storage/{number}?signature=canary-signature")

    def _zipped(self, number: int) -> bytes:
        (artifact,) = (one for one in self.artifacts if one["id"] == number)
        folder = self.hub.folder / f"artifacts/{artifact['workflow_run']['id']}/{artifact['name']}"
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            for path in folder.iterdir():
                file.write(path, path.name)
        return data.getvalue()

    # pull requests

    def open_pull(self, number: int, branch: str) -> None:
        self.hub.git("push", "--quiet", "--force", "origin", f"{branch}:refs/pull/{number}/head")
        self.pulls[number] = {
            "number": number,
            "head": {"sha": self.hub.git("rev-parse", branch), "ref": branch},
            "base": {"ref": "main"},
            "merged_at": None,
            "merge_commit_sha": None,
        }

    def merge_pull(self, number: int) -> str:
        sha = self.hub.merge(self.pulls[number]["head"]["ref"])
        self.pulls[number] |= {"merged_at": "2026-11-26T12:00:00Z", "merge_commit_sha": sha}
        return sha

    # the runner

    def run(
        self, name: str, event: str, *, number: int | None = None, inputs: dict[str, Any] | None = None
    ) -> dict[str, Job]:
        """One run of a workflow; its jobs by name."""
        sha = self.hub.git("rev-parse", "main", where=self.hub.bare)
        pull = self.pulls[number] if number is not None else {}
        source = pull["head"]["sha"] if event == "pull_request" else sha
        path = f".github/workflows/{name}.yml"
        workflow = yaml.load(self.hub.git("show", f"{source}:{path}", where=self.hub.bare), yaml.BaseLoader)
        assert event in workflow["on"]
        run_id = next(self.numbers)
        self.runs[run_id] = {"id": run_id, "event": event, "path": path, "conclusion": None}
        context = {
            "github": {
                "event_name": event,
                "event": {"pull_request": pull} if number is not None else {},
                "sha": source,
                "run_id": str(run_id),
                "path": path,
            },
            "inputs": inputs or {},
            "vars": self.variables,
            "needs": {},
        }
        jobs: dict[str, Job] = {}
        for key, job in workflow["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            of = {need: [one for name, one in jobs.items() if name.partition(" ")[0] == need] for need in needs}
            context["needs"] = {need: {"result": _worst(some)} for need, some in of.items()}
            for environment in job.get("strategy", {}).get("matrix", {}).get("environment", [""]):
                name = f"{key} ({environment})" if environment else key
                jobs[name] = self._job(workflow, job, {**context, "matrix": {"environment": environment}})
                self.runs[run_id].setdefault("jobs", {})[name] = jobs[name].result
        self.runs[run_id]["conclusion"] = _worst([*jobs.values()])
        return {name: job for name, job in jobs.items() if job.result != "skipped"}

    def _job(self, workflow: dict[str, Any], job: dict[str, Any], context: dict[str, Any]) -> Job:
        results = {need["result"] for need in context["needs"].values()}
        functions = {"always": True, "success": results <= {"success"}, "failure": "failure" in results}
        condition = job.get("if", "success()")
        if "always()" not in condition and not functions["success"]:
            return Job("skipped")
        if not evaluate(condition, context, functions):
            return Job("skipped")
        place = fill(job.get("environment", ""), context)
        if place in self.rejected:
            return Job("failure")
        trusted = context["github"]["event_name"] != "pull_request"
        runner = _Runner(self, job["permissions"] if isinstance(job["permissions"], dict) else {}, context)
        runner.context["secrets"] = self.environments.get(place, {}) if trusted else {}
        env = {**workflow.get("env", {}), **job.get("env", {})}
        result = "success"
        for step in job["steps"]:
            functions = {"always": True, "success": result == "success", "failure": result == "failure"}
            wanted = step.get("if", "success()")
            is_asked = functions["success"] or "always()" in wanted
            if is_asked and evaluate(wanted, runner.context, functions) and not runner.step(step, env):
                result = "failure"
        self.hub.said.append(runner.log)
        return Job(result, runner.workspace, runner.log)


def _worst(jobs: list[Job]) -> str:
    """The result of a job that ran for several environments, or of a run."""
    results = {job.result for job in jobs}
    return next((result for result in ("failure", "success") if result in results), "skipped")


class _Runner:
    """A machine that runs one job and is gone."""

    def __init__(self, github: GitHub, permissions: dict[str, str], context: dict[str, Any]) -> None:
        self.github = github
        self.permissions = permissions
        number = next(github.numbers)
        self.folder = github.hub.folder / f"runner-{number}"
        self.workspace, self.temp = self.folder / "work", self.folder / "temp"
        for path in (self.workspace, self.temp, self.folder / "home"):
            path.mkdir(parents=True)
        self.token = f"token-of-job-{number}"
        github.tokens[self.token] = permissions
        self.context = {
            **context,
            "github": {**context["github"], "token": self.token},
            "runner": {"temp": str(self.temp)},
            "steps": {},
        }
        self.log = ""

    def step(self, step: dict[str, Any], env: dict[str, Any]) -> bool:
        """Run a step; whether it succeeded."""
        if "uses" in step:
            given = {name: fill(value, self.context) for name, value in step.get("with", {}).items()}
            action = step["uses"].partition("@")[0].partition("/")[2].replace("-", "_")
            done: bool = getattr(self, f"_{action}")(given)
            return done
        own = {name: fill(value, self.context) for name, value in {**env, **step.get("env", {})}.items()}
        outputs, summary = self.temp / "outputs", self.temp / "summary"
        outputs.write_text("")
        event = self.temp / "event.json"
        event.write_text(json.dumps(self.context["github"]["event"]))
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace, env={**self._environ(), **own, "GITHUB_OUTPUT": str(outputs),
                                     "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_EVENT_PATH": str(event)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.github.started(process)
        said, _ = process.communicate(timeout=120)
        self.log += f"$ {step['name']}\n{said}exit {process.returncode}\n"
        if "id" in step:
            lines = (line.partition("=") for line in outputs.read_text().splitlines())
            self.context["steps"][step["id"]] = {"outputs": {name: value for name, _, value in lines}}
        return process.returncode == 0

    def _environ(self) -> dict[str, str]:
        event = self.context["github"]
        return {
            "PATH": self.github.hub.tools(),
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": event["sha"],
            "GITHUB_EVENT_NAME": event["event_name"],
            "GITHUB_RUN_ID": event["run_id"],
            "GITHUB_WORKFLOW_REF": f"{NAME}/{event.get('path', '')}@refs/heads/main",
            "IAC_CI_PAUSE": "0",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
            "FORGE_CONTENTS": self.permissions.get("contents", "none"),
        }

    def _checkout(self, given: dict[str, str]) -> bool:
        assert self.permissions.get("contents") in {"read", "write"}
        assert set(given) <= {"persist-credentials", "fetch-depth"}
        self.github.hub.git("clone", "--quiet", "--no-checkout", str(self.github.hub.bare), ".", where=self.workspace)
        event = self.context["github"]
        if event["event_name"] == "pull_request":
            number = event["event"]["pull_request"]["number"]
            self.github.hub.git("fetch", "--quiet", "origin", f"refs/pull/{number}/head", where=self.workspace)
        self.github.hub.git("checkout", "--quiet", event["sha"], where=self.workspace)
        return True

    def _setup_python(self, given: dict[str, str]) -> bool:
        return "python-version" in given

    def _upload_artifact(self, given: dict[str, str]) -> bool:
        source = self.workspace / given["path"]
        if not source.is_dir():
            return given.get("if-no-files-found") == "ignore"
        run_id = int(self.context["github"]["run_id"])
        target = self.github.hub.folder / f"artifacts/{run_id}/{given['name']}"
        shutil.copytree(source, target, dirs_exist_ok=True)
        self.github.artifacts.append(
            {
                "id": next(self.github.numbers),
                "name": given["name"],
                "expired": False,
                "created_at": f"{run_id:08}",
                "workflow_run": {"id": run_id},
            }
        )
        return True

    def _download_artifact(self, given: dict[str, str]) -> bool:
        assert set(given) == {"path"}, "all artifacts of this run, each in a folder of its name"
        source = self.github.hub.folder / f"artifacts/{self.context['github']['run_id']}"
        if source.is_dir():
            shutil.copytree(source, self.workspace / given["path"])
        return True


def run_action(github: GitHub, steps: list[dict[str, Any]], inputs: dict[str, str], secrets: dict[str, str]) -> Job:
    """The steps of a composite action in a checkout of the default branch."""
    sha = github.hub.git("rev-parse", "main", where=github.hub.bare)
    told = {"event_name": "push", "event": {}, "sha": sha, "run_id": "1", "action_path": str(Path(__file__).parents[3])}
    context = {"github": told, "inputs": inputs}
    runner = _Runner(github, {"contents": "read"}, context)
    checked_out = runner.step({"uses": "actions/checkout@"}, {})
    done = checked_out and all(runner.step(step, secrets) for step in steps)
    outputs = runner.context["steps"].get("run", {}).get("outputs", {})
    return Job("success" if done else "failure", runner.workspace, runner.log, outputs)


def forged(github: GitHub, name: str, files: dict[str, str], *, event: str, path: str) -> None:
    """Somebody's job uploads an artifact under a name of its choice."""
    run_id = next(github.numbers)
    jobs = {"report": "success"}
    github.runs[run_id] = {"id": run_id, "event": event, "path": path, "conclusion": "success", "jobs": jobs}
    target = github.hub.folder / f"artifacts/{run_id}/{name}"
    target.mkdir(parents=True)
    for file, text in files.items():
        (target / file).write_text(text)
    github.artifacts.append(
        {
            "id": next(github.numbers),
            "name": name,
            "expired": False,
            "created_at": f"{run_id:08}",
            "workflow_run": {"id": run_id},
        }
    )
