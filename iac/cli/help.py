"""What `--help` shows of a command: options, examples, exit codes, a page. docs/reference/commands.md has it, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import click

from iac.core.explanation import page_url


class Example(NamedTuple):
    """What somebody wants, and the command lines that do it; `iac` reads nothing of them."""

    purpose: str
    lines: str


def option_rows(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each option as it is written, and what it does, with its default as the last sentence."""
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record is None or not isinstance(option, click.Option):
            continue
        default = option.get_help_extra(context).get("default")
        yield record[0], f"{option.help} Default: {default}." if default else str(option.help)


class Subcommand(click.Command):
    """A command whose help ends with examples, exit codes and the page that explains more.

    Attributes:
        page: below docs/, an anchor included.
        exits: the codes that mean something special here; `docs/reference/commands.md` has those of all commands.
    """

    def __init__(
        self, *args: Any, page: str, examples: Iterable[Example], exits: Mapping[int, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.page = page
        self.examples = tuple(examples)
        self.exits = dict(exits or {})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, and show the rest below them."""
        _write_options(self, ctx, formatter)
        with formatter.section("Examples"):
            for number, example in enumerate(self.examples):
                if number:
                    formatter.write_paragraph()
                _write_lines(formatter, f"{example.purpose}:", indent=0)
                _write_lines(formatter, example.lines)
        if self.exits:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), meaning) for code, meaning in sorted(self.exits.items())])
        with formatter.section("Read more"):
            _write_lines(formatter, page_url(self.page), indent=0)


def _write_options(command: click.Command, context: click.Context, formatter: click.HelpFormatter) -> None:
    with formatter.section("Options"):
        formatter.write_dl(list(option_rows(command, context)))


def _write_lines(formatter: click.HelpFormatter, lines: str, indent: int = 2) -> None:
    """Write lines that are not to be wrapped, for they are copied."""
    space = " " * (formatter.current_indent + indent)
    for line in lines.splitlines():
        formatter.write(f"{space}{line}\n")


class Group(click.Group):
    """A group that says "did you mean" for an unknown command."""

    command_class = Subcommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, then the options."""
        self.format_commands(ctx, formatter)
        _write_options(self, ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of use, which is that of the module."""
        return sorted(super().list_commands(ctx), key=list(self.commands).index)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where there is more."""
        formatter.write(f"\n`{ctx.command_path} COMMAND --help` shows options, examples and exit codes.\n")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, name the one that comes close."""
        name, known = args[0] if args else "", self.list_commands(ctx)
        if name and not name.startswith("-") and name not in known:
            import difflib  # only for a mistake

            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else f" `{ctx.command_path} --help` lists them."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)
