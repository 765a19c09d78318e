"""What all commands share: names, help, mistakes in the command line, global options, errors."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from iac.cli import COMMANDS, cli, run
from iac.cli.context import CommandContext, is_terminal
from iac.cli.failure import exit_code, report
from iac.core.errors import (
    CredentialsError,
    IacError,
    InputError,
    LockedError,
    PartialApply,
    RenderError,
    ServerError,
    StalePlan,
    StateError,
    UnreachableError,
    UnsafePlan,
)
from tests.every import every

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"httpx", "httpx2", "jinja2", "jsonschema", "ruamel.yaml", "pyrage", "yaml"}


def _loaded_by(*arguments: str) -> set[str]:
    script = "import sys; from iac.cli import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    said = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return set(said.stderr.split())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("plan", "--help"), ("apply", "--help")])
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert set() == _loaded_by(*arguments) & HEAVY


def test_one_command_imports_no_other() -> None:
    loaded = {name.removeprefix("iac.cli.") for name in _loaded_by("schema", "plan") if name.startswith("iac.cli.")}
    assert loaded & set(COMMANDS) == {"schema"}


@every("name", COMMANDS)
def test_each_command_is_a_module_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(importlib.import_module(f"iac.cli.{name}").command, click.Command)
    assert run([name, "--help"]) == 0
    assert f"Usage: iac {name}" in capsys.readouterr().out


def test_help_lists_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


@every(
    "arguments, words",
    [
        (["aply"], "Did you mean apply?"),
        (["zzzzzz"], "`iac --help` lists them."),
        (["plan", "--formt", "json"], "--format"),
        (["plan", "--format", "jsn"], "'text', 'markdown', 'json'"),
        (["plan", "extra"], "unexpected extra argument"),
        (["apply", "--parallelism", "0"], "0 is not in the range"),
        (["apply", "--lock-timeout", "nan"], "not a valid integer"),
        (["apply", "--expect-plan", "x"], "sha256: and 64 hex digits"),
        (["show"], "Missing argument"),
        (["schema", "clint"], "'client', 'project', 'plan'"),
        (["state", "lst"], "list"),
        (["--frmat"], "No such option '--frmat'"),
        (["-C", "/no/such/folder", "plan"], "no such directory"),
        (["-C"], "requires an argument"),
        (["validate", "no-such-file"], "no such file"),
    ],
)
def test_a_mistake_in_the_command_line_is_exit_64_with_a_way_on(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert words in said.err
    assert "  usage: iac" in said.err
    assert "--help\n" in said.err


@pytest.mark.parametrize(("arguments", "line"), [([], "\nChange:\n"), (["state"], "\nCommands:\n")])
def test_without_a_command_help_is_shown(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["\x1b[31m"], ["plan", "--\x1b[31m"], ["-C", "\x1b[31m\u202e", "plan"], ["validate", "a\nb\x9b"]]
)
def test_hostile_arguments_are_inert(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64
    assert capsys.readouterr().err.replace("\n", "").isprintable()


@every(
    "error, code",
    [
        (InputError("x"), 1),
        (StateError("x"), 1),
        (RenderError("x"), 1),
        (UnsafePlan("x"), 3),
        (StalePlan("x"), 4),
        (PartialApply("x"), 5),
        (UnreachableError("x"), 6),
        (CredentialsError("x"), 6),
        (LockedError("x"), 6),
        (ServerError("x"), 6),
        (IacError("x"), 6),
        (OSError(28, "No space left on device"), 1),
        (ValueError("x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert code == exit_code(error)


def test_an_error_is_said_with_its_way_on_and_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(UnreachableError("no answer", where="here\x1b[31m", why="a\nb", fix="do it")) == 6
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: no answer: here\\u001b[31m\n  a\\u000ab\n  fix: do it\n"


def test_an_error_of_the_operating_system_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OSError(28, "No space left on device", "/x\x1b")) == 1
    assert "/x\\u001b\n  No space left on device\n  fix: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["list", "--format", "json"], ["plan", "--format=json"]])
def test_with_json_an_error_is_one_object_on_stdout(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert 1 == run(["-C", str(tmp_path), *arguments])
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert {"summary", "where", "why", "fix", "exit", "diagnostics"} == set(error)
    assert (1, ["no-project"]) == (error["exit"], [each["id"] for each in error["diagnostics"]])
    assert "no-project" in said.err


def test_with_json_a_wrong_option_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert 64 == run(["list", "--format", "json", "--nope"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (64, True) == (error["exit"], "--nope" in error["summary"])


def test_without_json_an_error_leaves_stdout_empty(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert 1 == run(["-C", str(tmp_path), "list"])
    assert "" == capsys.readouterr().out


def test_a_fault_in_iac_itself_shows_its_kind_and_nothing_it_holds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("hush-hush")

    monkeypatch.setattr("iac.config.schema.schema_text", fail)
    assert run(["schema"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: a fault in iac itself: ValueError\n")
    assert "hush" not in said.out + said.err


def test_ctrl_c_is_exit_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("iac.config.schema.schema_text", interrupt)
    assert run(["schema"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_missing_terminal_is_none() -> None:
    assert not is_terminal(None)


def test_quiet_keeps_notes_back(capsys: pytest.CaptureFixture[str]) -> None:
    CommandContext(quiet=True).note("psst")
    assert capsys.readouterr().err == ""
    CommandContext().note("well")
    assert capsys.readouterr().err == "well\n"


def test_an_iac_yaml_above_counts_if_it_is_ours_and_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project/clients.d/team"
    folder.mkdir(parents=True)
    shell = CommandContext(directory=str(folder))
    assert (folder, str(folder)) == (shell.root, shell.place)
    (tmp_path / "project/iac.yaml").touch()
    (tmp_path / ".git").mkdir()
    assert (tmp_path / "project", "project") == (shell.root, shell.place)
    assert (folder / "a.yaml", "clients.d/team/a.yaml") == (shell.path("a.yaml"), shell.inside("a.yaml"))
    monkeypatch.setattr("os.geteuid", lambda: -1)
    assert folder == shell.root
    assert tmp_path / "project" == CommandContext(directory=str(tmp_path / "project")).root
    monkeypatch.undo()
    (tmp_path / "project/clients.d/.git").touch()
    assert folder == shell.root


def test_files_are_named_from_the_directory(tmp_path: Path) -> None:
    shell = CommandContext(directory=str(tmp_path))
    assert shell.path("plan.json") == tmp_path / "plan.json"
    assert str(shell.path("/elsewhere/plan.json")) == "/elsewhere/plan.json"


def test_verbose_ends_with_its_command() -> None:
    import logging  # beside what it is about

    before = list(logging.getLogger("iac").handlers)
    assert run(["-vv", "schema", "plan"]) == 0
    assert before == logging.getLogger("iac").handlers


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    from iac.cli.context import show_json  # as commands import it

    show_json({"name": "\u202eé\x9b"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "\u202eé\x9b"}


def test_the_global_options_are_those_of_the_contract() -> None:
    options = {option for parameter in cli.params for option in parameter.opts}
    assert {"-C", "--env", "--all-envs", "--no-color", "-q", "--quiet", "-v", "--verbose", "--version"} == options


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_options(shell: str) -> None:
    """As docs/reference/commands.md says: the variable that click reads, for the name of our program."""
    script = "import sys; from iac.cli import main; main()"

    def complete(words: str, count: int) -> str:
        wanted = {"_IAC_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        if shell == "fish":
            wanted["COMP_CWORD"] = words.rsplit(maxsplit=1)[-1]
        return subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, **wanted}, capture_output=True, text=True, check=True
        ).stdout

    assert "rotate" in complete("iac rot", 1)
    assert "rekey" in complete("iac state rek", 2)
    assert "--detailed-exitcode" in complete("iac plan --det", 2)
