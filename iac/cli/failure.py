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
    else:
        click.echo(f"error: a fault in iac itself: {type(error).__name__}", err=True)
        click.echo("nothing more was done; please report it with the command and iac --version", err=True)
    return exit_code(error)


def say(error: IacError) -> None:
    """The lines of an error on stderr; diagnostics say their own severity."""
    if isinstance(error, InvalidInput):
        for line in error.lines():
            click.echo(printable(line), err=True)
        return
    head, *rest = error.lines()
    prefix = click.style("error:", fg="red", bold=True)
    click.echo(f"{prefix} {printable(head)}", err=True)
    for line in rest:
        click.echo(f"  {printable(line)}", err=True)
