"""`iac plan` in every view, printed and as files: whole or not at all, whatever the exit code, never with a secret."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from iac.views.kind import PlanView

if TYPE_CHECKING:
    from tests.e2e.project import Project

REPORTS = [f"--report={view}=made.{view}" for view in PlanView]


@pytest.fixture(params=["1.14"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(project: Project) -> dict[str, str]:
    return {path.suffix[1:]: path.read_text(encoding="utf-8") for path in project.root.glob("made.*")}


def test_one_run_gives_every_view_of_the_same_plan(project: Project) -> None:
    said = project.iac("plan", "--out", "plan.json", *REPORTS)
    assert 0 == said.code
    files = made(project)
    assert set(PlanView) == set(files)
    plan = json.loads(files["json"])
    assert project.read("plan.json") == files["json"]
    assert said.out == files["text"]
    assert plan["digest"] in files["markdown"]
    assert {"create": 1, "update": 0, "delete": 0} == json.loads(files["gitlab"])
    assert 'name="create team/portal"' in files["junit"]
    assert "iac/plan/default/" == json.loads(files["sarif"])["runs"][0]["automationDetails"]["id"]
    assert 0o644 == (project.root / "made.sarif").stat().st_mode & 0o777


def test_markdown_and_json_go_to_stdout_as_to_files(project: Project) -> None:
    project.iac("plan", *REPORTS)
    for view in ("markdown", "json"):
        assert made(project)[view] == project.iac("plan", "--format", view).out


def test_files_are_written_whatever_the_exit_code_says(project: Project) -> None:
    assert 2 == project.iac("plan", "--detailed-exitcode", *REPORTS).code
    assert set(PlanView) == set(made(project))
    assert 0 == project.apply().code
    project.write("clients.d/team/other.yaml", project.read("clients.d/team/portal.yaml"))
    (project.root / "clients.d/team/portal.yaml").unlink()
    said = project.iac("plan", "--format", "json", *REPORTS)
    assert 3 == said.code
    assert ["moved-unsaid", "missing-definition"] == [guard["id"] for guard in said.json()["guards"]]
    files = made(project)
    assert said.out == files["json"]
    assert "Refused, for 2 reasons" in files["markdown"]
    assert re.match(
        rf"::error file={project.root}/clients.d/team/other.yaml,line=\d+,col=\d+,title=moved-unsaid::.*\n"
        r"::error title=missing-definition::",
        files["github"],
    )
    assert 'type="moved-unsaid"' in files["junit"]


def test_annotations_may_go_to_stdout_beside_a_plan_that_people_read(project: Project) -> None:
    project.edit("clients.d/team/portal.yaml", '"client_id"', '"adopt": true, "client_id"')
    said = project.iac("plan", "--report", "github=-")
    assert 0 == said.code
    *text, told = said.out.splitlines()
    assert text[-1].startswith("Plan: 1 to create; ")
    place = rf"file={project.root}/clients\.d/team/portal\.yaml,line=\d+,col=\d+,title=nothing-to-adopt"
    assert re.match(f"::warning {place}::team/portal: ", told)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--report", "xml=a"], "write FORMAT=FILE, FORMAT being one of text, markdown, json, github, "),
        (["--report", "sarif"], "write FORMAT=FILE"),
        (["--report", "sarif="], "write FORMAT=FILE"),
        (["--report", "sarif=-"], "only github goes to stdout"),
        (["--report", "github=-", "--format", "json"], "--format json is all that stdout carries"),
        (["--report", "sarif=a", "--report", "junit=./a"], "two views cannot go to the same file"),
        (["--report", "sarif=a", "--out", "a"], "two views cannot go to the same file"),
        (["--format", "sarif"], "'sarif' is not one of 'text', 'markdown', 'json'"),
        (["--budget", "3999"], "3999 is not in the range x>=4000"),
    ],
)
def test_wrong_usage_is_exit_64_and_writes_nothing(project: Project, arguments: list[str], words: str) -> None:
    said = project.iac("plan", *arguments)
    is_json = "json" in arguments
    assert (64, is_json) == (said.code, bool(said.out))
    assert words in said.err
    assert not (project.root / "a").exists()


@pytest.mark.parametrize("path", ["missing/a", "clients.d", "iac.yaml/a", "link"])
def test_a_file_that_cannot_be_written_is_exit_1_before_the_server_is_asked(project: Project, path: str) -> None:
    (project.root / "link").symlink_to("iac.yaml")
    asked = len(project.sandbox.server.log)
    said = project.iac("plan", "--report", "markdown=good.md", "--report", f"sarif={path}")
    assert (1, "") == (said.code, said.out)
    assert f"the file cannot be written: {path}" in said.err
    assert "fix: name another file: --report sarif=FILE" in said.err
    assert asked == len(project.sandbox.server.log)
    assert not (project.root / "good.md").exists()


def test_a_file_that_fills_the_disk_leaves_what_was_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("made.md", "before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("iac.sinks.file.sink.os.fsync", full)
    said = project.iac("plan", "--report", "markdown=made.md")
    assert 1 == said.code
    assert "No space left on device" in said.err
    assert "before" == project.read("made.md")
    assert [] == [path.name for path in project.root.iterdir() if "iac-tmp" in path.name]


def test_markdown_keeps_to_its_budget(project: Project) -> None:
    for number in range(60):
        project.define(f"team/app-{number}", redirect_uris=[f"https://app{number}.example.org/cb"])
    said = project.iac("plan", "--format", "markdown", "--budget", "8000")
    assert 8000 >= len(said.out)
    assert "Shortened to fit" in said.out
    assert 61 == said.out.count("- `team/")


def secrets_of(project: Project) -> set[str]:
    return {client.client_secret for client in project.sandbox.iam.world.store.clients() if client.client_secret}


@pytest.mark.parametrize("flavour", ["1.12"], indirect=True)
def test_no_view_holds_a_secret_neither_old_nor_new(project: Project) -> None:
    assert 0 == project.apply().code
    before = project.registered("team-portal").client_secret
    project.by_hand("team-portal", client_secret="Set-By-Hand-4242")
    project.edit("clients.d/team/portal.yaml", "https://portal.example.org/cb", "https://portal.example.org/new")
    project.iac("-vv", "plan", *REPORTS)
    files = made(project)
    assert "rotated" == json.loads(files["json"])["changes"][0]["secret"]
    assert "@@ secret @@\n! taken over" in files["markdown"]
    for name, text in files.items():
        for secret in ({before, "Set-By-Hand-4242"} | secrets_of(project)) - {"secret", None}:
            assert str(secret) not in text, name
