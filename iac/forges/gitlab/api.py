"""GitLab's API, for a job of the default branch (docs.gitlab.com, REST API; "Predefined CI/CD variables")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from iac.forges.api import JsonApi, variable
from iac.ports import Clock
from iac.ports.forge import ChangeRequest, ForgeApi, Note


class GitLabApi(ForgeApi):
    """One project; the token is one of the project's."""

    closed: ClassVar = {"state_event": "close"}

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        url = variable(environ, "CI_API_V4_URL")
        self.job = environ.get("CI_JOB_ID", "")
        self.commit = environ.get("CI_COMMIT_SHA", "")
        self._environ = environ
        self._branch = variable(environ, "CI_DEFAULT_BRANCH")
        self._api = JsonApi(url, environ, "IAC_GITLAB_TOKEN", clock)
        self._project = f"/projects/{variable(environ, 'CI_PROJECT_ID')}"

    @cached_property
    def _me(self) -> str:
        return str(self._api.read("/user")["username"])

    def show(self, markdown: str) -> None:
        """GitLab has no page for it; the note has the text."""

    def _requests(self) -> Iterable[ChangeRequest]:
        path = f"{self._project}/merge_requests?state=opened"
        return (_request(one) for one in self._api.pages(path) if one["target_branch"] == self._branch)

    def _merged(self) -> ChangeRequest | None:
        requests = self._api.read(f"{self._project}/repository/commits/{self.commit}/merge_requests")
        is_merged = (one for one in requests if (one["state"], one["target_branch"]) == ("merged", self._branch))
        return next(map(_request, is_merged), None)

    def _reviewed(self, request: ChangeRequest, mark: str) -> str:
        note = self.find_note(request.number, mark)
        job = "".join(note.body.partition("\n")[0].split()[3:4]) if note else ""
        found = self._api.find(f"{self._project}/jobs/{job}") if job.isdecimal() else None
        # The note only says where to look, because maintainers can edit it. This job's name has the environment in it.
        name = self._environ.get("CI_JOB_NAME", "").replace("iac-apply", "iac-plan", 1)
        wanted = {"name": name, "status": "success", "ref": self._branch, "tag": False}
        if not found or {key: found[key] for key in wanted} != wanted:
            return ""
        return self._api.file(f"{self._project}/jobs/{job}/artifacts/iac-ci/report.json").decode()

    def _notes(self, number: int) -> Iterable[Note]:
        for note in self._api.pages(f"{self._project}/merge_requests/{number}/notes"):
            if note["author"]["username"] == self._me:
                yield Note(note["id"], note["body"])

    def _write_note(self, number: int, note: Note | None, body: str) -> None:
        path = f"{self._project}/merge_requests/{number}/notes"
        self._api.write("PUT" if note else "POST", f"{path}/{note.id}" if note else path, {"body": body})

    def _find_issue(self, label: str) -> int | None:
        issues = self._api.read(f"{self._project}/issues?state=opened&labels={label}&scope=created_by_me&per_page=100")
        return next((issue["iid"] for issue in issues), None)

    def _issue(self, label: str, body: str) -> dict[str, object]:
        return {"description": body, "labels": label}

    def _write_issue(self, number: int | None, value: dict[str, object]) -> None:
        path = f"{self._project}/issues"
        self._api.write("PUT" if number else "POST", f"{path}/{number}" if number else path, value)


def _request(request: Mapping[str, Any]) -> ChangeRequest:
    return ChangeRequest(request["iid"], request["sha"], f"refs/merge-requests/{int(request['iid'])}/head")


open_forge = GitLabApi
