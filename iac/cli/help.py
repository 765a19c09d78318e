"""What `--help` shows of a command: options, examples, exit codes, a page. docs/reference/commands.md has it, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import click

from iac.cli.options import GLOBAL, call_of
from iac.core.explanation import page_url


class Example(NamedTuple):
    """What somebody wants, and the command lines that do it; `iac` reads nothing of them."""

    purpose: str
    lines: str


def option_rows(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each option as it is written, and what it does, with its default as the last sentence."""
    is_root = getattr(command, "is_root", False)
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record is None or not isinstance(option, click.Option) or (option in GLOBAL and not is_root):
            continue
        default = option.get_help_extra(context).get("default")
        yield record[0], f"{option.help} Default: {default}." if default else str(option.help)


class _Everywhere(click.Command):
    """A command that takes the global options, too: they count before and after it."""

    is_root = False

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own, then the global ones."""
        return [*super().get_params(ctx), *(() if self.is_root else GLOBAL)]


class Subcommand(_Everywhere):
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

    def invoke(self, ctx: click.Context) -> Any:
        """Run it with what the global options say."""
        call = call_of(ctx)
        ctx.obj = call.context()
        if call.verbose:
            ctx.call_on_close(_log(call.verbose))
        return super().invoke(ctx)

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


def _log(verbosity: int) -> Callable[[], None]:
    """Requests and their statuses on stderr; what they carry is never logged. Gives what ends it."""
    import logging  # only with -v

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("iac")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
    return lambda: logger.removeHandler(handler)


def _write_options(command: _Everywhere, context: click.Context, formatter: click.HelpFormatter) -> None:
    with formatter.section("Options"):
        formatter.write_dl(list(option_rows(command, context)))
        if not command.is_root:
            formatter.write_paragraph()
            _write_lines(formatter, "Global options such as --env work here, too: iac --help", indent=0)


def _write_lines(formatter: click.HelpFormatter, lines: str, indent: int = 2) -> None:
    """Write lines that are not to be wrapped, for they are copied."""
    space = " " * (formatter.current_indent + indent)
    for line in lines.splitlines():
        formatter.write(f"{space}{line}\n")


class Group(_Everywhere, click.Group):
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
