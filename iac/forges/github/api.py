"""GitHub's API, for a job of the workflow `iac` (docs.github.com, REST API; "Contexts" for the variables)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from iac.core.limits import LARGEST_FILE
from iac.files import read
from iac.forges.api import JsonApi, variable
from iac.ports import Clock
from iac.ports.forge import ChangeRequest, ForgeApi, Note

_BOT = "github-actions[bot]"
_VARIABLE = "IAC_GITHUB_TOKEN"  # not GITHUB_TOKEN: helpers of git get that one


class GitHubApi(ForgeApi):
    """One repository; a job that only plans needs no token."""

    closed: ClassVar = {"state": "closed", "state_reason": "completed"}

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = environ
        self._clock = clock
        self.job = environ.get("GITHUB_RUN_ID", "")
        self.commit = environ.get("GITHUB_SHA", "")

    @cached_property
    def _api(self) -> JsonApi:
        url = f"{variable(self._environ, 'GITHUB_API_URL')}/repos/{variable(self._environ, 'GITHUB_REPOSITORY')}"
        return JsonApi(url, self._environ, _VARIABLE, self._clock)

    def show(self, markdown: str) -> None:
        """Add to the summary of the job."""
        if file := self._environ.get("GITHUB_STEP_SUMMARY"):
            with Path(file).open("a", encoding="utf-8") as summary:
                summary.write(f"{markdown}\n")

    def _requests(self) -> Iterable[ChangeRequest]:
        event = json.loads(read(Path(variable(self._environ, "GITHUB_EVENT_PATH")), LARGEST_FILE))
        yield _request(event["pull_request"])

    def _merged(self) -> ChangeRequest | None:
        branch = self._environ["GITHUB_REF_NAME"]
        pulls = [
            pull
            for pull in self._api.read(f"/commits/{self.commit}/pulls")
            if pull["merged_at"] and pull["base"]["ref"] == branch
        ]
        found = min(pulls, key=lambda pull: pull["merge_commit_sha"] != self.commit, default=None)
        return _request(found) if found else None

    def _reviewed(self, request: ChangeRequest, mark: str) -> str:
        name = f"{mark}-{request.number}-{request.head}"
        kept = self._api.read(f"/actions/artifacts?name={name}&per_page=100")["artifacts"]
        for artifact in sorted(kept, key=lambda artifact: str(artifact["created_at"]), reverse=True):
            if not artifact["expired"] and self._is_ours(artifact["workflow_run"]["id"]):
                with zipfile.ZipFile(io.BytesIO(self._api.file(f"/actions/artifacts/{artifact['id']}/zip"))) as files:
                    return files.open("report.json").read(LARGEST_FILE).decode()
        return ""

    def _is_ours(self, run_id: int) -> bool:
        """Whether a run is of this workflow, as the default branch has it, and has shown its plans.

        Any job can choose the name of an artifact. What `pull_request_target` starts is the default branch's file.
        """
        run = self._api.read(f"/actions/runs/{run_id}")
        here = self._environ["GITHUB_WORKFLOW_REF"].removeprefix(f"{self._environ['GITHUB_REPOSITORY']}/")
        if run["event"] != "pull_request_target" or run["path"].partition("@")[0] != here.partition("@")[0]:
            return False
        jobs = self._api.read(f"/actions/runs/{run_id}/jobs?per_page=100")["jobs"]
        return any(job["name"] == "report" and job["conclusion"] == "success" for job in jobs)

    def _notes(self, number: int) -> Iterable[Note]:
        for comment in self._api.pages(f"/issues/{number}/comments"):
            if comment["user"]["login"] == _BOT:
                yield Note(comment["id"], comment["body"])

    def _write_note(self, number: int, note: Note | None, body: str) -> None:
        path = f"/issues/comments/{note.id}" if note else f"/issues/{number}/comments"
        self._api.write("PATCH" if note else "POST", path, {"body": body})

    def _find_issue(self, label: str) -> int | None:
        issues = self._api.read(f"/issues?state=open&labels={label}&creator=github-actions%5Bbot%5D&per_page=100")
        return next((issue["number"] for issue in issues if not issue.get("pull_request")), None)

    def _issue(self, label: str, body: str) -> dict[str, object]:
        return {"body": body, "labels": [label]}

    def _write_issue(self, number: int | None, value: dict[str, object]) -> None:
        self._api.write("PATCH" if number else "POST", f"/issues/{number}" if number else "/issues", value)


def _request(pull: Mapping[str, Any]) -> ChangeRequest:
    return ChangeRequest(pull["number"], pull["head"]["sha"], f"refs/pull/{int(pull['number'])}/head")


open_forge = GitHubApi
