"""The command line as people type it: options anywhere, words that were meant, completion, colour, width."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import BashComplete

from iac.cli import cli, run
from tests.blackbox.kit import Project
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

IAC_YAML = """\
project: demo
provider: iam-admin
auth: {method: wlcg}
deadline: 1
environments:
  prod: {issuer: http://localhost:1/}
  dev: {issuer: http://localhost:1/dev}
"""


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """A project with two environments and two definitions."""
    made = Project(tmp_path / "project", {})
    made.write("iac.yaml", IAC_YAML)
    for address in ("wlcg/rucio", "portal"):
        made.define(address, redirect_uris=["https://a.example.org/"], contacts=["a@example.org"])
    return made


def test_global_options_count_before_and_after_the_command(plain: Project) -> None:
    before, after = plain.iac("--env", "dev", "validate"), plain.iac("validate", "--env", "dev")
    assert (0, "2 definitions, 1 environment: valid") == (after.code, after.out.splitlines()[-1])
    assert before == after
    elsewhere = plain.iac("-C", "/", "validate", "-C", str(plain.root), "--env=prod", "-q", "--no-color")
    assert (0, before.out) == (elsewhere.code, elsewhere.out)
    assert plain.iac("--version") == plain.iac("state", "list", "--version")


def test_verbose_adds_up_wherever_it_stands(plain: Project) -> None:
    asked = ["whoami", "--env", "dev"]
    assert "iac.transport" not in plain.iac(*asked).err
    assert "iac.transport" in plain.iac(*asked, "-v").err
    assert "iac.transport" in plain.iac("-v", *asked).err


def test_a_command_for_one_environment_refuses_two(plain: Project) -> None:
    ended = plain.iac("show", "portal", "--env", "dev", "--env", "prod", "--provenance")
    assert 64 == ended.code
    assert "this command works on one environment: give --env once" in ended.err


@every(
    "arguments, hint",
    [
        (["plan", "--format", "jsn"], "Did you mean json?"),
        (["plan", "--report", "markdwn=a.md"], "did you mean markdown?"),
        (["list", "--columns", "adress"], "did you mean address?"),
        (["list", "--sort", "-nme"], "did you mean name?"),
        (["init", "--backend", "gti"], "Did you mean git?"),
        (["init", "--ci", "gitlb"], "Did you mean gitlab?"),
        (["schema", "clint"], "Did you mean client?"),
        (["completion", "bsh"], "Did you mean bash?"),
        (["validate", "--env", "pord"], "did you mean prod?"),
        (["show", "--provenance", "portl", "--env", "dev"], "did you mean portal?"),
        (["explain", "http-redirect"], "did you mean http-redirect-uri?"),
        (["new", "x", "--template", "grafna"], "did you mean grafana?"),
    ],
)
def test_a_mistyped_value_names_the_one_that_was_meant(plain: Project, arguments: list[str], hint: str) -> None:
    ended = plain.iac(*arguments)
    assert ended.code in {1, 64}
    assert hint in ended.err


@every(
    "old, new, hint",
    [
        ("method: wlcg", "method: wlgc", "did you mean wlcg?"),
        ("iam-admin", "iam-admn", "did you mean iam-admin?"),
        ("environments:", "state: {backend: gti}\nenvironments:", "did you mean git?"),
        ("environments:", "state: {encryption: nne}\nenvironments:", "did you mean none?"),
        ("environments:", "sinks: {a: {kind: kubernets}}\nenvironments:", "did you mean kubernetes?"),
        ("environments:", "policy: {no-owner: of}\nenvironments:", "did you mean off?"),
    ],
)
def test_a_mistyped_word_of_iac_yaml_names_the_one_that_was_meant(
    plain: Project, old: str, new: str, hint: str
) -> None:
    plain.write("iac.yaml", IAC_YAML.replace(old, new))
    assert hint in plain.iac("validate").out


def _completed(folder: Path, line: str) -> list[str]:
    """What bash is offered for the last word of a line, as click finds it."""
    *words, incomplete = line.split(" ")
    shell = BashComplete(cli, {}, "iac", "_IAC_COMPLETE")
    return [item.value for item in shell.get_completions(["-C", str(folder), *words], incomplete)]


@every(
    "line, words",
    [
        ("show w", ["wlcg/rucio"]),
        ("plan --target ", ["portal", "wlcg/rucio"]),
        ("plan --target portal --target w", ["wlcg/rucio"]),
        ("drift --accept p", ["portal"]),
        ("state mv p", ["portal"]),
        ("secret set p", ["portal"]),
        ("--env d", ["dev"]),
        ("plan --env ", ["prod", "dev"]),
        ("new x --template rucio-w", ["rucio-webui", "rucio-webui-env"]),
        ("explain http-", ["http-redirect-uri"]),
        ("plan --format j", ["json"]),
        ("plan --detailed", ["--detailed-exitcode"]),
        ("validate --en", ["--env"]),
        ("completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_words_of_the_project_complete_without_a_login(plain: Project, line: str, words: list[str]) -> None:
    assert words == _completed(plain.root, line)


def test_what_cannot_be_read_or_shown_completes_nothing(plain: Project) -> None:
    plain.write("iac.yaml", "environments: {'d\u202eev': {}, [: ")
    assert [] == _completed(plain.root, "plan --env ")
    plain.write("iac.yaml", 'environments: {"d\\u202Eev": {}, dev: {}}')
    assert ["dev"] == _completed(plain.root, "plan --env ")
    assert [] == _completed(plain.root / "nothing", "show ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["completion", shell])
    script = capsys.readouterr().out
    assert f"_IAC_COMPLETE={shell}_complete" in script


def test_bash_takes_the_script() -> None:
    script = subprocess.run(
        [sys.executable, "-m", "iac", "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    asked = f"{script}\ncomplete -p iac"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True, env={**os.environ})
    assert "-F _iac_completion iac" in done.stdout


def test_force_color_colours_without_a_terminal_and_no_color_wins(plain: Project) -> None:
    plain.define("bad", redirect_uris=["x"], contact="y")
    red = "\x1b[31m"
    forced = {"FORCE_COLOR": "1"}
    assert red not in plain.iac("validate").out
    assert red in plain.iac("validate", env=forced).out
    assert red in plain.iac("plan", "--env", "dev", env=forced).err
    assert red in plain.iac("nonsense", env=forced).err
    assert red in plain.iac("doctor", "--env", "dev", env=forced).out
    for off in (
        plain.iac("--no-color", "validate", env=forced),
        plain.iac("validate", env={**forced, "NO_COLOR": "1"}),
    ):
        assert "\x1b" not in off.text
    assert "\x1b" not in plain.iac("validate", "--no-color", env=forced).text
    assert "\x1b" not in plain.iac("plan", "--no-color", "--env", "nope", env=forced).text
