"""What a job asks its forge, where the forge, a token or what another job has kept is not as it should be."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iac.cli import run
from iac.clock import SystemClock
from iac.core.errors import InputError, UnreachableError
from iac.ports.forge import ChangeRequest
from iac.workflow.pipelines.job import NO_PLAN, JobReport, find_forge, reviewed_digest
from tests.every import every
from tests.workflow.pipelines.github import NAME
from tests.workflow.pipelines.site import Asked, Refused, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUEST = ChangeRequest(1, "a" * 40, "refs/pull/1/head")
GOOD = f"sha256:{'a' * 64}"
REPORT = {"plans": [{"number": 1, "head": REQUEST.head, "digest": GOOD}], "notes": [], "issues": []}


class Forge:
    """A forge whose answers a test gives, and the variables of a job there."""

    def __init__(self) -> None:
        self.give: Callable[[Asked], Any] = lambda _: {}
        self.environ: dict[str, str] = {}

    def answer(self, asked: Asked) -> Any:
        return self.give(asked)

    def open(self) -> Any:
        return find_forge(self.environ, SystemClock())[1]


def variables(name: str, url: str) -> dict[str, str]:
    """What a job there has."""
    if name == "github":
        return {
            "GITHUB_ACTIONS": "true", "GITHUB_API_URL": url, "GITHUB_REPOSITORY": NAME, "GITHUB_SHA": "b" * 40,
            "GITHUB_REF_NAME": "main", "GITHUB_WORKFLOW_REF": f"{NAME}/.github/workflows/iac.yml@refs/heads/main",
            "IAC_GITHUB_TOKEN": "canary-token", "GITHUB_RUN_ID": "7",
        }  # fmt: skip
    return {
        "GITLAB_CI": "true", "CI_API_V4_URL": url, "CI_PROJECT_ID": "7", "CI_DEFAULT_BRANCH": "main",
        "CI_JOB_NAME": "iac-apply", "IAC_GITLAB_TOKEN": "canary-token", "CI_COMMIT_SHA": "b" * 40, "CI_JOB_ID": "7",
    }  # fmt: skip


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    made = Forge()
    with serve(made.answer) as site:
        made.environ = variables(request.param, site.url)
        yield made


@every("answer", [[], {}, None, "text", 7, [[]], [{}], [{"id": 1}], [None]])
def test_an_answer_that_makes_no_sense_ends_in_a_message(forge: Forge, answer: Any) -> None:
    forge.give = lambda _: answer
    asks: list[Callable[[Any], Any]] = [
        lambda api: api.merged(),
        lambda api: api.keep_note(1, "iac-plan", "text"),
        lambda api: api.keep_issue("iac-drift", "title", "text"),
        lambda api: api.reviewed(REQUEST, "iac-plan"),
    ]
    for ask in asks:
        with suppress(UnreachableError, InputError):
            ask(forge.open())


def test_a_forge_that_refuses_is_quoted_and_the_token_is_not(forge: Forge) -> None:
    def refuse(_: Asked) -> Any:
        raise Refused(403)

    forge.give = refuse
    with pytest.raises(UnreachableError, match="the forge refuses a request") as caught:
        forge.open().merged()
    said = "\n".join(caught.value.lines())
    assert "the server says 403: no" in said
    assert "check what the token in IAC_GIT" in said
    assert "canary" not in said


def test_a_job_without_a_token_or_without_a_forge_says_what_is_missing(forge: Forge) -> None:
    name = next(name for name in forge.environ if name.endswith("TOKEN"))
    with pytest.raises(InputError, match=f"{name} is not set"):
        find_forge({**forge.environ, name: ""}, SystemClock())[1].merged()
    with pytest.raises(InputError, match="this is not a job of a pipeline"):
        find_forge({}, SystemClock())


def test_a_forge_in_clear_on_another_machine_gets_no_token(forge: Forge) -> None:
    name = next(name for name in forge.environ if "API" in name)
    with pytest.raises(InputError, match="the forge's URL cannot be used"):
        find_forge({**forge.environ, name: "http://forge.example.org/api"}, SystemClock())[1].merged()


@every(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"plans": 1, "notes": [], "issues": []}',
        '{"plans": [{}], "notes": [], "issues": []}',
        '{"plans": [{"number": "1", "head": "a", "digest": "b"}], "notes": [], "issues": []}',
        '{"plans": [], "notes": [{"number": 1, "mark": "x", "body": 2}], "issues": []}',
        "[" * 100_000,
    ],
)
def test_a_report_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the report of a job cannot be read"):
        JobReport.parse(text, "iac-ci/report.json")


class Api:
    """What an apply asks of a forge."""

    def __init__(self, text: str) -> None:
        self.text = text

    def reviewed(self, *_: object) -> str:
        return self.text


@every(
    "kept, digest",
    [
        (REPORT, GOOD),
        ({**REPORT, "plans": []}, NO_PLAN),
        ({**REPORT, "plans": [{"number": 2, "head": REQUEST.head, "digest": GOOD}]}, NO_PLAN),
        ({**REPORT, "plans": [{"number": 1, "head": "b" * 40, "digest": GOOD}]}, NO_PLAN),
        ({**REPORT, "plans": [{"number": 1, "head": REQUEST.head, "digest": "dev=sha256:0"}]}, NO_PLAN),
    ],
)
def test_a_digest_counts_for_its_request_and_its_commit_alone(kept: dict[str, Any], digest: str) -> None:
    api: Any = Api(json.dumps(kept))
    assert digest == reviewed_digest(api, REQUEST, "iac-plan")
    assert NO_PLAN == reviewed_digest(api, None, "iac-plan")


def test_reports_of_all_jobs_are_written_and_one_that_fails_keeps_no_other(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in forge.environ.items():
        monkeypatch.setenv(name, value)
    wrote: list[str] = []

    def answer(asked: Asked) -> Any:
        if asked.method == "GET":
            return {"username": "me"} if asked.path == "/user" else []
        if "/1/" in asked.path:
            raise Refused(404)
        wrote.append(asked.path)
        return {}

    forge.give = answer
    for number in (1, 2):
        note = {"number": number, "mark": "iac-plan", "body": "text"}
        (tmp_path / f"iac-ci/{number}").mkdir(parents=True)
        (tmp_path / f"iac-ci/{number}/report.json").write_text(json.dumps({**REPORT, "notes": [note]}))
    assert 6 == run(["ci", "report"])
    assert 1 == len(wrote)
    assert "/2/" in wrote[0]
    assert 0 == run(["ci", "report", "nothing"])
    Path("iac-ci/1/report.json").write_text("[]")
    assert 1 == run(["ci", "report"])
    assert "the report of a job cannot be read: iac-ci/1/report.json" in capsys.readouterr().err


@every(
    "options, words",
    [
        (("--digest", "sha256:0"), "--digest takes the digest of a plan"),
        (("--env", "prod", "--rotate", "portal"), "--rotate is for one environment"),
    ],
)
def test_what_an_apply_is_for_is_checked_before_anything_is_asked(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 64 == run(["ci", "apply", *options])
    assert words in capsys.readouterr().err


def test_a_command_of_jobs_outside_a_pipeline_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for job in ("plan", "apply", "nightly", "report"):
        assert 1 == run(["ci", job])
        assert "this is not a job of a pipeline" in capsys.readouterr().err
