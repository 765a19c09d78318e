"""Every command, option and exit code is documented, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iac.cli import COMMANDS, cli
from iac.cli.failure import _CODES
from tests.every import every

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _subcommands(name, command, context)
        else:
            yield name, command


def _subcommands(name: str, group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for sub in group.list_commands(context):
        command = group.get_command(context, sub)
        assert command is not None
        yield f"{name} {sub}", command


def _section(name: str) -> str:
    found = re.search(rf"^## iac {re.escape(name)}\b.*?(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/commands.md has no section `## iac {name}`"
    return found.group()


@every("name, command", list(_commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_each_command_has_a_section_with_each_of_its_options(name: str, command: click.Command) -> None:
    section = _section(name)
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}" in section, f"{option} of iac {name} is not documented"
        assert not isinstance(parameter, click.Option) or parameter.help, f"{parameter.name} of iac {name} has no help"
    assert command.help


@every("name, command", list(_commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_help_names_what_an_option_takes_and_says_which_can_be_repeated(name: str, command: click.Command) -> None:
    for option in (each for each in command.params if isinstance(each, click.Option) and not each.is_flag):
        is_named = option.metavar is not None or isinstance(option.type, click.Choice)
        assert is_named, f"{option.name} of iac {name} has no metavar"
        if option.multiple:
            assert "repeatable" in (option.help or ""), (
                f"{option.name} of iac {name} can be repeated, and does not say so"
            )


def test_no_option_is_documented_that_is_not_there() -> None:
    options = {option for _, command in _commands() for parameter in command.params for option in parameter.opts}
    options |= {option for parameter in cli.params for option in parameter.opts} | {"--help", "--version"}
    documented = set(re.findall(r"`(--[a-z-]+)", REFERENCE))
    assert set() == documented - options


def test_each_global_option_is_documented() -> None:
    for parameter in cli.params:
        for option in parameter.opts:
            assert f"`{option}" in REFERENCE or f"`{option}`" in REFERENCE


def test_each_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", REFERENCE, re.MULTILINE)}
    assert {code for _, code in _CODES} | {0, 2, 64, 130} == documented


def test_the_readme_names_commands_that_exist_and_each_of_them() -> None:
    named = set(re.findall(r"`iac ([a-z]+)", README)) | set(re.findall(r"^    iac ([a-z]+)", README, re.MULTILINE))
    assert set(COMMANDS) == named


def test_the_readme_is_about_a_hundred_lines() -> None:
    assert 80 <= len(README.splitlines()) <= 116


def _links() -> Iterator[tuple[Path, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                yield page, link


@every("page, link", _links())
def test_each_link_between_documents_leads_somewhere(page: Path, link: str) -> None:
    assert (page.parent / link).exists()
