"""What `--help` shows: whole sentences, examples of the command itself, and a page that is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from iac.cli import COMMANDS, GROUPS, cli, run
from iac.cli.failure import _CODES
from iac.cli.options import option_rows
from iac.core.explanation import DOCS
from tests.docs.commands_page import commands
from tests.every import every

if TYPE_CHECKING:
    from iac.cli.options import Subcommand

ROOT = Path(__file__).parents[2]
EACH = list(commands().items())
WIDTH = 80


def _help_of(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    capsys.readouterr()
    assert 0 == run([*name.split(), "--help"])
    return capsys.readouterr().out


def test_the_documentation_is_where_the_distribution_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == DOCS


def test_the_groups_are_those_of_use_in_their_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = re.findall(r"^(\w+):$", _help_of("", capsys, monkeypatch), re.MULTILINE)
    assert ["Start", "Change", "Look", "Secrets", "State", "Server", "Options"] == heads
    assert len(COMMANDS) == sum(map(len, GROUPS.values()))


@every("name", ["", "state", "secret", *commands()])
def test_help_fits_a_terminal_but_for_addresses(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _help_of(name, capsys, monkeypatch)
    assert [] == [line for line in text.splitlines() if len(line) > WIDTH and "://" not in line]
    assert not re.search(r"(?<!main/)docs/", text), "an installed user has no docs/"


@every("name, command", EACH)
def test_a_command_says_what_it_is_for(name: str, command: Subcommand) -> None:
    assert command.examples, name
    assert 3 >= len(command.examples)
    for example in command.examples:
        assert re.search(rf"^iac (?:--\S+ \S+ )?{name}\b", example.lines, re.MULTILINE), example
        assert example.purpose[0].isupper()
        assert example.purpose[-1] not in ".:"


@every("command", commands().values())
def test_the_page_is_there(command: Subcommand) -> None:
    path, _, anchor = command.page.partition("#")
    text = (ROOT / "docs" / path).read_text(encoding="utf-8")
    heads = {head.casefold().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert not anchor or anchor in heads


@every("command", commands().values())
def test_exit_codes_are_those_that_there_are(command: Subcommand) -> None:
    assert set() == set(command.exits) - {code for _, code in _CODES} - {0, 2, 130}
    assert all(meaning.endswith(".") for meaning in command.exits.values())


@every("name, command", [("", cli), *EACH])
def test_options_are_told_in_whole_sentences(name: str, command: click.Command) -> None:
    for option, about in option_rows(command, click.Context(command, info_name=name)):
        assert about[0].isupper(), option
        assert about[-1] == ".", option
        assert "[default" not in about


@every("name, about", COMMANDS.items())
def test_the_list_of_commands_has_one_sentence_for_each(name: str, about: str) -> None:
    assert re.fullmatch(r"[A-Z][a-z]+,? .*[^.]\.", about), name
    assert 60 >= len(about)


@pytest.mark.parametrize("name", ["plan", "apply", "list"])
def test_a_default_is_the_last_sentence(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "How to print. Default: text.\n" in _help_of(name, capsys, monkeypatch)
