"""Errors become messages and exit codes, here and nowhere else.

Exit codes:
    0: done, or no changes
    1: an error in input or configuration; a missing, foreign or damaged state; a declined plan; a closed or full stdout
    2: changes or differences (`plan --detailed-exitcode`, `drift`, every `--check`); credentials that fail (`verify`)
    3: refused by a guard or by policy
    4: the plan is not the approved one
    5: applied in part; or applied, but the credentials do not work (`apply --verify`)
    6: server or backend unreachable, login refused, or another run holds the lock
    64: wrong usage of the command line
    130: interrupted
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from iac.cli.context import layout_of, show_json
from iac.core.errors import (
    DeclinedError,
    IacError,
    InputError,
    InvalidInput,
    PartialApply,
    StalePlan,
    UnreachableError,
    UnsafePlan,
)
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.views.layout import TextLayout

_CODES: tuple[tuple[type[IacError], int], ...] = (
    (UnsafePlan, 3),
    (StalePlan, 4),
    (PartialApply, 5),
    (UnreachableError, 6),
    (InputError, 1),
)
"""Error -> exit code (contract: exit codes). A server's "no" outside apply is 6: it cannot be used as asked."""


USAGE = 64


def refuse_usage(
    error: click.ClickException, root: click.Context, *, as_json: bool = False, no_color: bool = False
) -> int:
    """Say what is wrong with the command line, and where its help is, as `report` does; the exit code.

    `root` is that of `iac` itself: a mistake in the global options comes before there is a context of a command.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    if as_json:
        show_error(InputError(error.format_message(), fix="see --help").to_dict(), USAGE)
    context = (error.ctx if isinstance(error, click.UsageError) else None) or root
    head, *rest = error.format_message().splitlines() or [""]
    page = layout_of(sys.stderr, no_color=no_color)
    click.echo(page.line(f"error: {printable(head)}", "!"), err=True, color=True)
    for line in [*rest, f"usage: {context.get_usage().removeprefix('Usage: ')}", f"fix: {context.command_path} --help"]:
        click.echo(page.line(f"  {printable(line.strip())}"), err=True, color=True)
    return USAGE


def exit_code(error: Exception) -> int:
    """The contract's exit code of an error."""
    otherwise = 6 if isinstance(error, IacError) else 1
    return next((code for kind, code in _CODES if isinstance(error, kind)), otherwise)


def report(error: Exception, *, as_json: bool = False, no_color: bool = False, label: str = "") -> int:
    """Say the error on stderr, and on stdout as an object where that is asked for; its exit code.

    `label` names the environment, of several.
    """
    known, code = known_error(error), exit_code(error)
    if as_json:
        show_error(known.to_dict(), code)
    for line in lines_of(known, layout_of(sys.stderr, no_color=no_color), label):
        click.echo(line, err=True, color=True)
    return code


def known_error(error: Exception) -> IacError:
    """What the operating system says, and a fault of iac, in the parts that every error has."""
    if isinstance(error, IacError):
        return error
    if isinstance(error, OSError):
        return IacError(
            "the operating system refuses",
            where=str(error.filename or ""),
            why=error.strerror or type(error).__name__,
            fix="check disk space, permissions and pipes, then run it again",
        )
    return IacError(
        f"a fault in iac itself: {type(error).__name__}",
        why="nothing more was done",
        fix="report it with the command and iac --version",
    )


def show_error(parts: Mapping[str, Any], code: int) -> None:
    """Print an error as one JSON object on stdout."""
    show_json({"format_version": "1.0", "error": {**parts, "exit": code}})


def lines_of(error: IacError, page: TextLayout, label: str = "") -> list[str]:
    """An error as lines of text; diagnostics say their own severity."""
    if isinstance(error, InvalidInput):
        return [*page.messages(error.diagnostics), page.line(printable(f"{label}{error.summary}"), "bold")]
    if isinstance(error, DeclinedError):
        return [page.line(printable(line)) for line in error.lines()]
    return [page.line(line, "" if number else "!") for number, line in enumerate(error_lines(error, label))]


def error_lines(error: IacError | None, label: str = "") -> list[str]:
    """The same as lines without colours and folds; none without an error."""
    if error is None:
        return []
    head, *rest = map(printable, error.lines())
    return [f"error: {printable(label)}{head}", *(f"  {line}" for line in rest)]
