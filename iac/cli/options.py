"""What the command line takes and its help shows: options, those of iac itself before and after a command, too.

Completion reads files and tables, and needs no login. Where a file has a mistake there is nothing to complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from iac import __version__
from iac.cli.call import call_of
from iac.core.explanation import page_url
from iac.core.text import nearest, printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from iac.cli.context import CommandContext


def command_context(context: click.Context) -> CommandContext:
    """What the global options of a call say, for its command."""
    from iac.cli.context import CommandContext  # not needed by --help

    options = call_of(context).options
    return CommandContext(**{**options, "environments": tuple(dict.fromkeys(options.get("environments", ())))})


F = TypeVar("F", bound=Callable[..., Any])
Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(words: Callable[[Path], Iterable[str]]) -> Completer:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # only in completion

        with suppress(Exception):  # a shell has no place for a message
            known = words(command_context(context).root)
            return [CompletionItem(word) for word in known if word.startswith(incomplete) and word == printable(word)]
        return []

    return complete


def _addresses(root: Path) -> Iterable[str]:
    from iac.config.tree import read_tree

    return sorted(read_tree(root).definitions)


def _environments(root: Path) -> Iterable[str]:
    from iac.config.layers import environment_names
    from iac.document import read_document
    from iac.ports.path import PROJECT_FILE

    document, _ = read_document(root, PROJECT_FILE)
    return environment_names(document.value) if document else ()


def _templates(_: Path) -> Iterable[str]:
    from iac.services import services

    known = services().values()
    return dict.fromkeys(name for one in known for name in (one.name, *(file.template for file in one.files)))


def _ids(_: Path) -> Iterable[str]:
    from iac.workflow.explain import explanations

    return explanations()


complete_addresses = _completer(_addresses)
complete_environments = _completer(_environments)
complete_templates = _completer(_templates)
complete_ids = _completer(_ids)


def _take(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value:
        call_of(context).take(option, value)


def _show_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001  # click's signature
    if is_asked and not context.resilient_parsing:
        click.echo(f"iac {__version__}")
        context.exit()


GLOBAL = (
    click.Option(
        ["-C", "directory"],
        metavar="DIR",
        expose_value=False,
        callback=_take,
        help="Run in folder DIR. iac uses the nearest iac.yaml, in DIR or above it.",
    ),
    click.Option(
        ["--env", "environments"],
        metavar="NAME",
        multiple=True,
        expose_value=False,
        callback=_take,
        shell_complete=complete_environments,
        help="Environment of iac.yaml; repeatable. Required if there are several.",
    ),
    click.Option(
        ["--all-envs", "has_all"],
        is_flag=True,
        expose_value=False,
        callback=_take,
        help="All environments of iac.yaml, as with --env for each.",
    ),
    click.Option(
        ["--no-color"], is_flag=True, expose_value=False, callback=_take, help="Print without colour, as with NO_COLOR."
    ),
    click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_take, help="Print only the result and errors."
    ),
    click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_take,
        help="Print requests, never secrets, and each of many similar changes. -vv prints more.",
    ),
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Show the version and exit.",
    ),
)
"""The options of `iac` itself, which each command takes too."""


class Choice(click.Choice[str]):
    """A choice that says "did you mean" for a word that is none of it."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """All that there is, and what was probably meant."""
        hint = nearest(str(value), self.choices)
        return f"{super().get_invalid_choice_message(value, ctx)}{hint and f' {hint.capitalize()}'}"


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
        ctx.obj = command_context(ctx)
        if ctx.obj.verbose:
            ctx.call_on_close(_log(ctx.obj.verbose))
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


def format_option(*views: str, about: str = "How to print.") -> Callable[[F], F]:
    """The option `--format`; the first view is the default."""
    return click.option("--format", "view", type=Choice(views), default=views[0], show_default=True, help=about)


FORMAT = format_option("text", "json")

SETTINGS_FROM = click.option(
    "--settings-from",
    "base",
    metavar="FILE",
    default=None,
    help="Take settings from another iac.yaml, such as the target branch's, and report differences.",
)
