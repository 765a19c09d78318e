"""Paths that are one file on some disk are one file everywhere (issue 11, 16)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.kit import IAC_YAML, Project
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project", {})
    made.write("iac.yaml", IAC_YAML.format(issuer="https://iam.example.org/", recipient=RECIPIENT))
    return made


def output(path: str, **more: Any) -> dict[str, Any]:
    return {"template": "json", "path": path, **more}


def define(project: Project, *outputs: dict[str, Any], address: str = "portal") -> None:
    project.define(address, redirect_uris=["https://portal.example.org/cb"], outputs=list(outputs))


def told(project: Project) -> list[tuple[str, str]]:
    """File and id of everything that validate says; each has its line."""
    ended = project.iac("validate", "--format", "json")
    found = ended.json()["diagnostics"]
    assert all(each["line"] and each["summary"] for each in found)
    assert ended.code == bool([each for each in found if each["severity"] == "error"])
    return [(each["file"], each["id"]) for each in found]


OVER = [
    "IAC.YAML", "Iac.yaml", "./IAC.YAML", "CLIENTS.D/portal.yaml", "Clients.d//portal.yaml", "TEMPLATES/a.j2",
    ".IAC/state.json", ".Iac/x", "Schemas/client.schema.json", ".GIT/config", "sub/.Git/hooks/pre-commit",
    ".github/workflows/iac-apply.yml", ".GitHub/CODEOWNERS", "CodeOwners", "docs/CODEOWNERS", ".gitlab-ci.yml",
    ".gitlab/iac.gitlab-ci.yml", "sub/.gitattributes", ".gitmodules", ".gitignore", "GIT~1/config",
    "certs/CA.pem", "login/Secret", "iac-ci/report.json", "sub/Iac-CI/x",
]  # fmt: skip


@pytest.fixture
def with_inputs(project: Project) -> Project:
    """A project that reads more files, with sinks."""
    project.edit(
        "iac.yaml",
        "provider: iam-admin",
        "provider: iam-admin\ntls: {ca: certs/ca.pem}\nsinks: {sealed: {kind: age}, values: {kind: sops}}",
    )
    project.edit("iac.yaml", "{env: IAC_CLIENT_SECRET}", "{file: login/secret}")
    return project


@every("path, sink", product(OVER, [None, "sealed", "values"]))
def test_an_output_is_not_written_over_what_iac_reads(with_inputs: Project, path: str, sink: str | None) -> None:
    define(with_inputs, output(path, **({"sink": sink} if sink else {})))
    assert [("clients.d/portal.yaml", "output-over-input")] == told(with_inputs)


@pytest.mark.parametrize("path", ["iac.yaml.", "iac.yaml ", "clients.d./a", "out /a", "out/a.", "out. /a", "a" * 300])
def test_a_name_that_some_disk_changes_is_refused(project: Project, path: str) -> None:
    define(project, output(path))
    assert [("clients.d/portal.yaml", "bad-path")] == told(project)


@pytest.mark.parametrize("path", ["out/a\nb", "out/a\n", "\nout", "out/\ta", "out/\x1b[31m", "out/\u0085a"])
def test_a_path_is_one_line(project: Project, path: str) -> None:
    define(project, output(path))
    assert ("clients.d/portal.yaml", "bad-format") in told(project) or [
        ("clients.d/portal.yaml", "hidden-character")
    ] == told(project)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("out/a.json", "OUT/A.json", "output-twice"),
        ("out/é.json", "out/e\u0301.json", "output-twice"),
        ("out/É.json", "out/e\u0301.json", "output-twice"),
        ("out/straße.json", "out/STRASSE.json", "output-twice"),
        ("out/a.json", "./out//a.json", "output-twice"),
        ("out/a", "OUT/A/b.json", "output-over-output"),
        ("out/é", "out/e\u0301/b.json", "output-over-output"),
    ],
)
def test_two_outputs_that_are_one_file_on_some_disk_are_refused(
    project: Project, one: str, other: str, expected: str
) -> None:
    define(project, output(one), output(other))
    assert [("clients.d/portal.yaml", expected)] == told(project)


def test_outputs_of_iac_yaml_are_held_to_the_same(project: Project) -> None:
    define(project, output("out/a.json"))
    entry = "{{template: json, path: {}, clients: [portal]}}"
    line = f"outputs: [{entry.format('OUT/a.json')}, {entry.format('IAC.yaml')}]"
    project.edit("iac.yaml", "provider: iam-admin", f"provider: iam-admin\n{line}")
    assert [("iac.yaml", "output-over-input"), ("iac.yaml", "output-twice")] == sorted(told(project))


@pytest.mark.parametrize(
    "path", ["IAC.yaml", "clients.d/a.json", "Templates/s.json", ".git/config", "s.json.", "a\u00a0b"]
)
def test_a_state_is_not_kept_over_what_iac_reads(project: Project, path: str) -> None:
    define(project)
    project.edit("iac.yaml", "path: .iac/state.json", f'path: "{path}"')
    assert ("iac.yaml", "bad-state-place") in told(project)


@pytest.mark.parametrize(
    ("one", "other"), [("s.json", "S.json"), ("s.json", "./s.json"), ("a/s.json", "a//b/../S.json")]
)
def test_two_environments_do_not_share_a_state_on_any_disk(project: Project, one: str, other: str) -> None:
    define(project)
    environments = f"environments: {{dev: {{state: {{path: {one}}}}}, prod: {{state: {{path: {other}}}}}}}"
    project.edit("iac.yaml", "provider: iam-admin", f"provider: iam-admin\n{environments}")
    assert ("iac.yaml", "state-shared") in told(project)


def test_definitions_that_differ_by_case_only_are_refused(project: Project) -> None:
    define(project, address="a/portal")
    project.define("a/Portal", client_id="p2", redirect_uris=["https://portal.example.org/cb"])
    assert ["address-twice"] == [name for _, name in told(project)]


def test_folders_that_differ_by_case_only_are_refused(project: Project) -> None:
    define(project, address="team/portal")
    project.define("Team/other", redirect_uris=["https://portal.example.org/cb"])
    assert [("clients.d/team", "address-twice")] == told(project)


@pytest.mark.parametrize("file", ["IAC.YAML", "clients.d/portal.yaml", ".iac/state.json"])
@pytest.mark.parametrize("option", ["--out {}", "--report json={}"])
def test_a_plan_is_not_saved_over_what_iac_reads(project: Project, option: str, file: str) -> None:
    define(project)
    project.write(".iac/x", "")
    before = project.read("clients.d/portal.yaml")
    ended = project.iac("plan", *option.format(file).split(" "))
    assert 1 == ended.code
    assert "what iac, git or a forge reads" in ended.err
    assert before == project.read("clients.d/portal.yaml")
