"""The global options, which count before and after a command; did you mean; completion.

Completion reads files and tables, and needs no login. Where a file has a mistake there is nothing to complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from iac import __version__
from iac.core.text import nearest, printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from iac.cli.context import CommandContext


@dataclass(slots=True)
class Invocation:
    """One call of iac: its global options, wherever they stand, and whether JSON was printed.

    stdout carries one JSON value: an error after it goes to stderr alone. `sections` takes the values of a command that
    goes through several environments, until it prints them as one.
    """

    directory: str = "."
    environments: tuple[str, ...] = ()
    has_all: bool = False
    no_color: bool = False
    quiet: bool = False
    verbose: int = 0
    has_shown: bool = False
    sections: list[Any] | None = None

    def take(self, option: click.Parameter, value: Any) -> None:
        """Add what an option says: one that repeats adds up, of another the last one counts."""
        before = getattr(self, option.name)
        is_sum = option.multiple or getattr(option, "count", False)
        setattr(self, option.name, before + value if is_sum else value)

    def context(self) -> CommandContext:
        """The same for a command."""
        from iac.cli.context import CommandContext  # not needed by --help

        names = tuple(dict.fromkeys(self.environments))
        return CommandContext(self.directory, names, self.has_all, self.no_color, self.quiet, self.verbose)


def call_of(context: click.Context) -> Invocation:
    """The call that a context belongs to; completion has none before."""
    root = context.find_root()
    if root.obj is None:
        root.obj = Invocation()
    return cast("Invocation", root.obj)


Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(words: Callable[[Path], Iterable[str]]) -> Completer:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # only in completion

        with suppress(Exception):  # a shell has no place for a message
            known = words(call_of(context).context().root)
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
        help="Run as if iac was started in DIR. The closest iac.yaml, there or above, is the project's.",
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
        help="Print requests, never secrets, and each of many like changes. -vv prints more.",
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
