"""`iac state unlock`: break a lock by the name of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("unlock")
@click.argument("run_id", metavar="RUN_ID")
@click.pass_obj
def command(shell: Shell, *, run_id: str) -> int:
    """Break the lock of a run that is gone. RUN_ID is in the message of the command that was refused.

    A lock of the file backend is the kernel's and ends with its process: while that lives this is refused (exit 6),
    afterwards only the note of who held it is left to clear. A lock of another backend is broken at once: be sure that
    its run is gone, perhaps on another machine.
    """
    from iac.wiring.sessions import open_state  # not needed by --help

    holder = open_state(shell).backend.unlock(run_id)
    click.echo(printable(f"run {holder.run_id} of {holder.who}, since {holder.since}, holds the lock no more"))
    shell.note("run iac plan: it says what that run left unfinished")
    return 0
