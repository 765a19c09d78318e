"""GitLab as our pipeline sees it: its API, and its runner, which runs the scripts of jobs as they are written.

A pipeline of a merge request has the file and the files of the merge request, and no protected variable; one of the
default branch has that branch's (docs.gitlab.com, "CI/CD variables", "Merge request pipelines").
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.workflow.pipelines.site import Asked, Elsewhere, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.workflow.pipelines.hub import Hub

TOKEN, BOT, PROJECT = "glpat-canary-token", "project_7_bot", "7"
ROUTES = (
    ("GET", "/user", "_user"),
    ("GET", "merge_requests", "_requests_like"),
    ("POST", r"merge_requests/(\d+)/notes", "_note"),
    ("GET", r"merge_requests/(\d+)/notes", "_notes_of"),
    ("PUT", r"merge_requests/(\d+)/notes/(\d+)", "_change_note"),
    ("GET", "repository/commits/([0-9a-f]{40})/merge_requests", "_requests_of"),
    ("GET", r"jobs/(\d+)", "_job_of"),
    ("GET", r"jobs/(\d+)/artifacts/([\w./-]+)", "_artifact"),
    ("GET", "/storage/(.*)", "_stored"),
    ("POST", "issues", "_open_issue"),
    ("GET", "issues", "_issues_like"),
    ("PUT", r"issues/(\d+)", "_change_issue"),
)
_CONDITION = re.compile(r"\$(\w+) (==|!=) (?:\"([^\"]*)\"|\$(\w+)|null)|\$(\w+)")


@dataclass
class Job:
    """How a job ended, and where its files are."""

    result: str
    folder: Path
    log: str


@dataclass
class GitLab:
    """One project on it.

    Attributes:
        protected: protected variables by the environment that they are scoped to; "*" for all.
    """

    hub: Hub
    url: str = ""
    protected: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[int, dict[str, Any]] = field(default_factory=dict)
    started: Callable[[subprocess.Popen[str]], None] = lambda _: None
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    # the API

    def answer(self, asked: Asked) -> Any:
        is_storage = asked.path.startswith("/storage/")
        assert not (is_storage and asked.token), "a storage gets no token"
        if asked.token != TOKEN and not is_storage:
            raise Refused(401)
        for method, path, do in ROUTES:
            found = re.fullmatch(path, asked.path.removeprefix(f"/projects/{PROJECT}/"))
            if found and method == asked.method:
                return getattr(self, do)(asked, *found.groups())
        raise Refused(404)

    def _user(self, _: Asked) -> Any:
        return {"username": BOT}

    def _requests_like(self, asked: Asked) -> Any:
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        requests = [each for each in self.requests.values() if each["state"] == asked.query["state"]]
        return requests[(page - 1) * size : page * size]

    def _requests_of(self, _: Asked, sha: str) -> Any:
        return [each for each in self.requests.values() if sha in {each["merge_commit_sha"], each["sha"]}]

    def _note(self, asked: Asked, iid: str) -> Any:
        made = {"id": next(self.numbers), "iid": int(iid), "author": {"username": BOT}, "body": asked.body["body"]}
        self.notes[made["id"]] = made
        return made

    def _notes_of(self, asked: Asked, iid: str) -> Any:
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        return [each for each in self.notes.values() if each["iid"] == int(iid)][(page - 1) * size : page * size]

    def _change_note(self, asked: Asked, _: str, number: str) -> Any:
        self.notes[int(number)].update(asked.body)
        return self.notes[int(number)]

    def _job_of(self, _: Asked, number: str) -> Any:
        if int(number) not in self.jobs:
            raise Refused(404)
        return self.jobs[int(number)]

    def _artifact(self, _: Asked, number: str, path: str) -> Any:
        file = self.hub.folder / "artifacts" / number / path
        if not file.is_file():
            raise Refused(404)
        return Elsewhere(f"{self.url}/storage/{number}/{path}?signature=canary-signature")

    def _stored(self, _: Asked, path: str) -> Any:
        return (self.hub.folder / "artifacts" / path).read_bytes()

    def _open_issue(self, asked: Asked) -> Any:
        made = {"iid": next(self.numbers), "state": "opened", **asked.body}
        self.issues[made["iid"]] = made
        return made

    def _issues_like(self, asked: Asked) -> Any:
        wanted = (asked.query["state"], asked.query["labels"])
        return [each for each in self.issues.values() if (each["state"], each["labels"]) == wanted]

    def _change_issue(self, asked: Asked, number: str) -> Any:
        body = dict(asked.body)
        closed = {"state": "closed"} if body.pop("state_event", "") == "close" else {}
        self.issues[int(number)].update(body | closed)
        return self.issues[int(number)]

    # merge requests

    def open_request(self, iid: int, branch: str) -> None:
        self.hub.git("push", "--quiet", "--force", "origin", f"{branch}:refs/merge-requests/{iid}/head")
        self.requests[iid] = {
            "iid": iid, "sha": self.hub.git("rev-parse", branch), "state": "opened", "source_branch": branch,
            "target_branch": "main", "merge_commit_sha": None,
        }  # fmt: skip

    def merge_request(self, iid: int) -> None:
        sha = self.hub.merge(self.requests[iid]["source_branch"])
        self.requests[iid] |= {"state": "merged", "merge_commit_sha": sha}

    # the runner

    def run(self, source: str, *, iid: int | None = None, **variables: str) -> dict[str, Job]:
        """One pipeline; its jobs by name, those whose rules let them run."""
        is_request = source == "merge_request_event"
        sha = (
            self.requests[iid]["sha"] if is_request and iid else self.hub.git("rev-parse", "main", where=self.hub.bare)
        )
        known = {"CI_PIPELINE_SOURCE": source, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": sha, **variables}
        known |= {} if is_request else {"CI_COMMIT_BRANCH": "main"}
        included = yaml.safe_load(self.hub.git("show", f"{sha}:.gitlab-ci.yml", where=self.hub.bare))
        (file,) = (each["local"].removeprefix("/") for each in included["include"])
        pipeline = yaml.safe_load(self.hub.git("show", f"{sha}:{file}", where=self.hub.bare))
        jobs: dict[str, Job] = {}
        for name, job in pipeline.items():
            if name.startswith("."):
                continue
            whole = _extended(pipeline, name)
            environments = whole.get("parallel", {}).get("matrix", [{"IAC_ENVIRONMENT": [""]}])[0]["IAC_ENVIRONMENT"]
            needs = [each["job"] for each in job.get("needs", ())]
            for environment in environments:
                of = {"IAC_ENVIRONMENT": environment} if environment else {}
                when = _when(whole["rules"], {**whole["variables"], **of, **known})
                label = f"{name}: [{environment}]" if environment else name
                before = [one.result for key, one in jobs.items() if key.partition(":")[0] in needs]
                if when == "always" or (when == "on_success" and set(before) <= {"success"}):
                    jobs[label] = self._job(label, whole, {**of, **known}, is_trusted=not is_request)
                elif when == "manual":
                    jobs[label] = Job("manual", self.hub.folder, "")
        return jobs

    def _job(self, name: str, job: dict[str, Any], known: dict[str, str], *, is_trusted: bool) -> Job:
        number = next(self.numbers)
        folder, home = self.hub.folder / f"runner-{number}/work", self.hub.folder / f"runner-{number}/home"
        home.mkdir(parents=True)
        self.hub.git("clone", "--quiet", str(self.hub.bare), str(folder))
        self.hub.git("fetch", "--quiet", "origin", "+refs/merge-requests/*:refs/remotes/mr/*", where=folder)
        self.hub.git("checkout", "--quiet", known["CI_COMMIT_SHA"], where=folder)
        place = job.get("environment", {}).get("name", "").replace("$IAC_ENVIRONMENT", known.get("IAC_ENVIRONMENT", ""))
        secret = {**self.protected.get("*", {}), **self.protected.get(place, {})} if is_trusted else {}
        given = {**job["variables"], **secret, **known}
        environ = {
            "PATH": self.hub.tools(), "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "GITLAB_CI": "true",
            "CI_API_V4_URL": self.url, "CI_PROJECT_ID": PROJECT, "CI_PROJECT_DIR": str(folder),
            "CI_JOB_ID": str(number), "CI_JOB_NAME": name, "IAC_CI_PAUSE": "0",
            "FORGE_CONTENTS": "write" if is_trusted else "none",
            **given,
        }  # fmt: skip
        script = "\n".join([*job["before_script"], *job["script"]])
        process = subprocess.Popen(
            ["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=environ, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.started(process)
        log, _ = process.communicate(timeout=120)
        log += f"exit {process.returncode}\n"
        self.hub.said.append(log)
        result = "success" if process.returncode == 0 else "failed"
        ref = "main" if is_trusted else "refs/merge-requests/1/head"
        self.jobs[number] = {"id": number, "name": name, "status": result, "ref": ref, "tag": False}
        self._keep(number, job.get("artifacts", {}), folder, is_success=result == "success")
        return Job(result, folder, log)

    def _keep(self, number: int, artifacts: dict[str, Any], folder: Path, *, is_success: bool) -> None:
        if not is_success and artifacts.get("when") != "always":
            return
        target = self.hub.folder / "artifacts" / str(number)
        for path in artifacts.get("paths", ()):
            if (folder / path).is_dir():
                shutil.copytree(folder / path, target / path)
            elif (folder / path).is_file():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / path, target / path)


def _extended(pipeline: dict[str, Any], name: str) -> dict[str, Any]:
    """A job with what it extends."""
    job = pipeline[name]
    base = _extended(pipeline, job["extends"]) if "extends" in job else {}
    return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}


def _when(rules: list[dict[str, str]], known: dict[str, str]) -> str:
    for rule in rules:
        if "if" not in rule or _holds(rule["if"], known):
            return rule.get("when", "on_success")
    return "never"


def _holds(text: str, known: dict[str, str]) -> bool:
    """A condition of rules: comparisons and names, joined by && and || (&& first), in parentheses or not."""

    def value(found: re.Match[str]) -> str:
        left, operator, literal, other, alone = found.groups()
        if alone:
            return str(bool(known.get(alone)))
        right = literal if literal is not None else known.get(other) if other else None
        return str((known.get(left) == right) == (operator == "=="))

    return bool(eval(_CONDITION.sub(value, text).replace("&&", "and").replace("||", "or"), {"__builtins__": {}}))
