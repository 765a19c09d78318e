"""`iac validate` as it is called: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iac.cli import run
from tests.config.given import CLIENT, PROJECT, client, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., tuple[int, str, str]]

WRONG = client("b", "scope: [proflie]", "grant_types: [autorization_code]")


@pytest.fixture
def iac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(tmp_path), *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return call


def test_a_valid_project_is_counted(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {})
    assert (0, "1 definition, 1 environment: valid\n", "") == iac("validate")


def test_mistakes_and_warnings_are_printed_with_their_place_and_counted(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"clients.d/a.yaml": CLIENT, "clients.d/b.yaml": WRONG})
    code, out, _ = iac("validate")
    assert 1 == code
    assert "clients.d/b.yaml:3:9: warning: scope proflie is not a known one [unknown-scope]\n" in out
    assert "clients.d/b.yaml:4:15: error: grant_types[1] must be a grant type or its URI, " in out
    assert "  fix: did you mean authorization_code?\n" in out
    assert out.endswith("2 definitions, 1 environment: 1 mistake, 1 warning\n")


def test_what_is_waived_is_said_and_counted_until_its_day_is_over(tmp_path: Path, iac: Call) -> None:
    lines = "scope: [scim:read]", "grant_types: [client_credentials]"
    for until, code, words in (("2999-12-31", 0, "valid, 1 waived"), ("2020-01-31", 1, "1 mistake, 1 warning")):
        waiver = f"waive: [{{id: privileged-scope, reason: agreed, until: {until}}}]"
        write(tmp_path, {"clients.d/b.yaml": client("b", *lines, waiver)})
        found, out, _ = iac("validate")
        assert (code, f"1 definition, 1 environment: {words}\n") == (found, out[out.rindex("1 definition") :])


def test_quiet_says_errors_alone(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"clients.d/b.yaml": WRONG})
    _, out, _ = iac("-q", "validate")
    assert "unknown-scope" not in out
    assert "bad-format" in out


def test_a_report_is_limited_to_paths(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"clients.d/a.yaml": CLIENT, "clients.d/b.yaml": WRONG})
    assert 0 == iac("validate", "clients.d/a.yaml", "iac.yaml")[0]
    assert 1 == iac("validate", "./clients.d/")[0]
    assert 1 == iac("validate", str(tmp_path / "clients.d" / "b.yaml"))[0]


@pytest.mark.parametrize("arguments", [["nothing.yaml"], ["--format", "xml"], ["--formt", "json"], ["/etc/passwd"]])
def test_wrong_usage_ends_with_64(arguments: list[str], tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {})
    code, out, err = iac("validate", *arguments)
    assert (64, "") == (code, out)
    assert err.startswith("error: ")


def test_one_environment_can_be_checked_alone(tmp_path: Path, iac: Call) -> None:
    environments = "environments: {dev: {state: {path: d}}, prod: {}}\n"
    wrong = CLIENT + "environments: {prod: {redirect_uris: []}}\n"
    write(tmp_path, {"iac.yaml": PROJECT + environments, "clients.d/a.yaml": wrong})
    assert 1 == iac("validate")[0]
    assert (0, "1 definition, 1 environment: valid\n", "") == iac("--env", "dev", "validate")
    code, out, err = iac("--env", "prd", "validate")
    assert (1, "") == (code, out)
    assert "did you mean prod?" in err


def test_an_iac_yaml_that_cannot_be_used_is_said_whatever_paths_are_asked_for(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"iac.yaml": "project: 3\n", "clients.d/a.yaml": CLIENT})
    code, out, _ = iac("validate", "clients.d/a.yaml")
    assert 1 == code
    assert "iac.yaml:1:10: error: project must be text" in out


def test_json_has_every_diagnostic(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"iac.yaml": PROJECT + "environments: {dev: {}}\n", "clients.d/b.yaml": WRONG})
    code, out, _ = iac("validate", "--format", "json")
    found = json.loads(out)
    assert 1 == code
    assert ("1.0", False, 1, ["dev"]) == (
        found["format_version"], found["valid"], found["definitions"], found["environments"],
    )  # fmt: skip
    assert [("unknown-scope", "warning", 3, 9), ("bad-format", "error", 4, 15)] == [
        (each["id"], each["severity"], each["line"], each["column"]) for each in found["diagnostics"]
    ]


def test_annotations_of_github_are_escaped_and_name_files_as_seen_by_the_caller(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"clients.d/b,c:100%.yaml": "x"})
    code, out, _ = iac("validate", "--format", "github")
    assert 1 == code
    assert f"::error file={tmp_path}/clients.d/b%2Cc%3A100%25.yaml,line=1,col=1,title=bad-address::" in out
    assert "%0Afix: rename the file or folder\n" in out
    assert out.count("\n") == out.count("::error ")


@pytest.mark.parametrize("view", ["github", "gitlab", "sarif", "junit"])
def test_reports_for_machines_hold_every_diagnostic_and_agree_with_the_exit_code(
    view: str, tmp_path: Path, iac: Call
) -> None:
    write(tmp_path, {"clients.d/b.yaml": CLIENT})
    code, clean, _ = iac("validate", "--format", view)
    assert 0 == code
    write(tmp_path, {"clients.d/b.yaml": WRONG})
    code, found, _ = iac("validate", "--format", view)
    assert 1 == code
    for rule in ("unknown-scope", "bad-format"):
        assert (False, True) == (rule in clean, rule in found)
    counts = {
        "github": lambda text: text.count("::error "),
        "gitlab": lambda text: sum(each["severity"] == "major" for each in json.loads(text)),
        "sarif": lambda text: sum(each["level"] == "error" for each in json.loads(text)["runs"][0]["results"]),
        "junit": lambda text: text.count("<failure "),
    }
    assert (0, 1) == (counts[view](clean), counts[view](found))


def test_a_file_whose_name_would_command_a_runner_is_named_inert(tmp_path: Path, iac: Call) -> None:
    write(tmp_path, {"clients.d/##[error]x.yaml": "x"})
    for view in ("text", "json", "github", "gitlab", "sarif", "junit"):
        out = iac("validate", "--format", view)[1]
        assert "bad-address" in out
        assert "##[" not in out


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"iac.yaml": ""}, "[no-project]"),
        ({"iac.yaml": "a: b: c\n"}, "[yaml-syntax]"),
        ({"iac.yaml": "- a\n"}, "iac.yaml:1:1: error: the file must be a mapping [wrong-type]"),
        ({"iac.yaml": "\t"}, "[yaml-syntax]"),
        ({"clients.d/a.yaml": "null\n"}, "[file-empty]"),
        ({"clients.d/a.yaml": "hello\n"}, "clients.d/a.yaml:1:1: error: the file must be a mapping"),
        ({"clients.d/a.yaml": "client_id\n"}, "[wrong-type]"),
        ({"clients.d/README": ""}, "[no-definitions]"),
        ({"clients.d/a.yaml": "client_name: <<<<<<< HEAD\n=======\n"}, "[yaml-syntax]"),
        ({"clients.d/a.yaml": "environments: 3\nclient_name: Name\nclient_id: a\n"}, "[wrong-type]"),
        ({"clients.d/_defaults.yaml": "- a\n", "clients.d/a.yaml": CLIENT}, "[wrong-type]"),
        ({"clients.d/a.yaml": "outputs: {template: a}\nclient_name: Name\n"}, "[wrong-type]"),
        ({"clients.d/a.yaml": "lifecycle: 3\nsecret: x\nclient_name: Name\n"}, "[wrong-type]"),
        ({"clients.d/a.yaml": "redirect_uris: https://a.b/\nclient_name: Name\n"}, "write a list: [..]"),
        ({"iac.yaml": "environments: {a: 3}\nproject: x\nprovider: iam-admin\n"}, "[wrong-type]"),
    ],
)
def test_what_a_newcomer_gets_wrong_has_one_clear_message(
    files: dict[str, str], words: str, tmp_path: Path, iac: Call
) -> None:
    write(tmp_path, files)
    code, out, _ = iac("validate")
    assert 1 == code
    assert words in out


def test_a_valid_project_is_checked_without_heavy_imports(tmp_path: Path) -> None:
    write(tmp_path, {})
    code = (
        "import sys; from iac.cli import run; run(['-C', sys.argv[1], 'validate']);"
        "print(sorted({'jsonschema', 'ruamel', 'httpx', 'jinja2', 'pyrage', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "1 definition, 1 environment: valid\n[]\n" == done.stdout
