"""The page of commands, written from what `--help` shows. `tests.docs.reference` writes it with the other pages.

In a command's section only what begins with a heading `###` is by hand: forms of JSON, rules that help has no room for.
"""

from __future__ import annotations

import inspect
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from textwrap import fill

import click

from iac.cli import GROUPS, cli
from iac.cli.options import Example, Subcommand, option_rows
from tests.docs.docstring_tables import exit_codes, faults, variables

PAGE = Path(__file__).parents[2] / "docs/reference/commands.md"
_BY_USE, _GLOBAL, _SHARED = "Commands by use", "Global options", "Shared options"
_MANY = 2
"""From so many commands on an option that is the same in all of them is told once."""


def commands() -> dict[str, Subcommand]:
    """Each command by its name, such as `state rm`, in the order of `iac --help`."""
    return dict(_commands())


def _commands() -> Iterator[tuple[str, Subcommand]]:
    root = click.Context(cli)
    for name in (name for group in GROUPS.values() for name in group):
        command = cli.get_command(root, name)
        if isinstance(command, click.Group):
            for sub in command.list_commands(root):
                yield f"{name} {sub}", _checked(command.get_command(root, sub))
        else:
            yield name, _checked(command)


def _checked(command: click.Command | None) -> Subcommand:
    assert isinstance(command, Subcommand), "write it with cls=Subcommand"
    return command


def commands_page() -> str:
    """The page as it has to be."""
    begin, *parts = re.split(r"^(?=## )", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    by_head = {part.partition("\n")[0].removeprefix("## "): part for part in parts}
    ours = {f"iac {name}": "\n\n".join(_section(name, command)) for name, command in commands().items()}
    general = {
        _BY_USE: _by_use(),
        _GLOBAL: _options(cli),
        _SHARED: _shared_options(),
        "Exit codes": _table(("code", "means"), exit_codes()),
        "Environment variables": _table(("variable", "does"), variables()),
        "Faults of the sandbox": _table(("key", "means"), faults()),
    }
    own = [head for head in by_head if not head.startswith("iac ")]
    page = [_joined(head, general.get(head, ""), by_head[head]) for head in own]
    page += [_joined(head, text, by_head.get(head, "")) for head, text in ours.items()]
    return begin + "\n".join(page)


def _joined(head: str, generated: str, before: str) -> str:
    """A section: what is generated, then what was written by hand; a section without the first is by hand."""
    if not generated:
        return before.rstrip() + "\n"
    by_hand = re.split(r"^(?=### )", before, maxsplit=1, flags=re.MULTILINE)[1:]
    return "\n\n".join([f"## {head}", generated, *(part.rstrip() for part in by_hand)]) + "\n"


def _by_use() -> str:
    names = list(commands())
    rows = [
        (use, ", ".join(_link(name) for name in names if name.partition(" ")[0] in group))
        for use, group in GROUPS.items()
    ]
    return _table(("use", "commands"), rows)


def _link(name: str) -> str:
    return f"[{name}](#iac-{name.replace(' ', '-')})"


def _section(name: str, command: Subcommand) -> Iterator[str]:
    yield from (_wrapped(paragraph) for paragraph in inspect.cleandoc(command.help or "").split("\n\n"))
    usage = command.get_usage(click.Context(command, info_name=f"iac {name}")).removeprefix("Usage: ")
    if not usage.endswith("[OPTIONS]"):
        yield f"```text\n{usage}\n```"
    if options := _options(command):
        yield options
    if shared := [row[0] for row in _rows(command) if row in _shared()]:
        yield f"{'Also' if options else 'Takes'} {', '.join(map(_code, shared))}: [shared options](#shared-options)."
    yield from (_example(example) for example in command.examples)
    if command.exits:
        yield _table(("exit code", "means"), ((str(code), meaning) for code, meaning in sorted(command.exits.items())))
    if command.page.partition("#")[0] != "reference/commands.md":
        yield f"Read more: {_page_link(command.page)}."


def _page_link(page: str) -> str:
    path = PAGE.parents[1] / page.partition("#")[0]
    title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title}]({os.path.relpath(path, PAGE.parent)}{page.removeprefix(page.partition('#')[0])})"


def _example(example: Example) -> str:
    return f"{_wrapped(example.purpose)}:\n\n```sh\n{example.lines}\n```"


def _rows(command: click.Command) -> list[tuple[str, str]]:
    """Its options; --help, which all have, is told once."""
    rows = option_rows(command, click.Context(command, **cli.context_settings))
    return [(names, about) for names, about in rows if command is cli or "--help" not in names]


@cache
def _shared() -> dict[tuple[str, str], int]:
    """The options that several commands have in the same words, and how many."""
    counts = Counter(row for command in commands().values() for row in _rows(command))
    return {row: count for row, count in counts.items() if count >= _MANY}


def _shared_options() -> str:
    rows = [(_code(names), about) for (names, about), _ in sorted(_shared().items(), key=lambda item: -item[1])]
    return _table(("option", "does"), rows)


def _options(command: click.Command) -> str:
    """The options of a command alone, or of `iac` itself."""
    rows = [
        (_code(names), about) for names, about in _rows(command) if command is cli or (names, about) not in _shared()
    ]
    return _table(("option", "does"), rows) if rows else ""


def _code(names: str) -> str:
    return ", ".join(f"`{part}`" for part in names.split(", "))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _wrapped(text: str) -> str:
    return fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
