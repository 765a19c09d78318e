"""`iac state push`: a copy of the state becomes the state."""

from __future__ import annotations

import click

from iac.cli.context import Shell, read_given
from iac.core.text import printable


@click.command("push")
@click.argument("file", metavar="FILE")
@click.option("--force", "is_forced", is_flag=True, help="Even when the copy is older than the state.")
@click.pass_obj
def command(shell: Shell, *, file: str, is_forced: bool) -> int:
    """Let FILE be the state: a document of `iac state pull`, or an emergency copy. - reads stdin.

    An emergency copy that ends in .journal is added to the state. A copy of another project, environment, issuer or
    lineage is refused, and an older one without --force.
    """
    from iac.wiring.sessions import open_state  # not needed by --help
    from iac.workflow.state import StateCopy, push

    push(open_state(shell), StateCopy(read_given(shell, file), file), is_forced=is_forced)
    click.echo(printable(f"the state holds what {file} holds"))
    shell.note("run iac plan: it says what differs from the server; keep the copy until then")
    return 0
