"""Errors become messages and exit codes, here and nowhere else."""

from __future__ import annotations

import click

from iac.core.errors import IacError, InputError, InvalidInput, PartialApply, StalePlan, UnreachableError, UnsafePlan
from iac.core.text import printable

_CODES: tuple[tuple[type[IacError], int], ...] = (
    (UnsafePlan, 3),
    (StalePlan, 4),
    (PartialApply, 5),
    (UnreachableError, 6),
    (InputError, 1),
)
"""Error -> exit code (contract: exit codes). A server's "no" outside apply is 6: it cannot be used as asked."""


USAGE = 64


def refuse_usage(error: click.ClickException, root: click.Context) -> int:
    """Say on stderr what is wrong with the command line, and where its help is; the exit code.

    `root` is that of `iac` itself: a mistake in the global options comes before there is a context of a command.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    context = (error.ctx if isinstance(error, click.UsageError) else None) or root
    head, *rest = error.format_message().splitlines() or [""]
    for line in [f"error: {head}", *(f"  {line.strip()}" for line in rest)]:
        click.echo(printable(line), err=True)
    click.echo(f"  usage: {context.get_usage().removeprefix('Usage: ')}", err=True)
    click.echo(f"  fix: {context.command_path} --help", err=True)
    return USAGE


def exit_code(error: Exception) -> int:
    """The contract's exit code of an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return 6 if isinstance(error, IacError) else 1


def report(error: Exception) -> int:
    """Say the error on stderr; its exit code."""
    if isinstance(error, IacError):
        say(error)
    elif isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        click.echo(printable(f"error: the operating system refuses{place}"), err=True)
        click.echo(printable(f"  {error.strerror or type(error).__name__}"), err=True)
        click.echo("  fix: mend it (room, permissions, a full pipe), then run it again", err=True)
    else:
        click.echo(f"error: a fault in iac itself: {type(error).__name__}", err=True)
        click.echo("  nothing more was done; please report it with the command and iac --version", err=True)
    return exit_code(error)


def say(error: IacError) -> None:
    """The lines of an error on stderr; diagnostics say their own severity."""
    if isinstance(error, InvalidInput):
        for line in error.lines():
            click.echo(printable(line), err=True)
        return
    head, *rest = error.lines()
    click.echo(printable(f"error: {head}"), err=True)
    for line in rest:
        click.echo(f"  {printable(line)}", err=True)
