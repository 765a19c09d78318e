"""`iac state mv`: another address for a client of state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("mv")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.pass_obj
def command(shell: Shell, *, source: str, target: str) -> int:
    """Give a client of state another address. Its secret is sealed for the new one, which needs an identity.

    `moved:` in iac.yaml does the same through review; this is for what cannot wait.
    """
    from iac.wiring.sessions import open_state  # not needed by --help
    from iac.workflow.state import rename

    client = rename(open_state(shell), source, target)
    click.echo(printable(f"{source} is now {target} (client_id {client.client_id})"))
    shell.note(printable(f"move its definition too: clients.d/{source}.yaml to clients.d/{target}.yaml"))
    return 0
