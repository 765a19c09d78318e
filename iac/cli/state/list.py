"""`iac state list`: the addresses in state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.cli.format import FORMAT, show_json
from iac.cli.state.entry import secret_text, summary
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.shell import Shell


@click.command("list")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, view: str) -> int:
    """List the addresses in state with their client_id and what is known of their secret."""
    from iac.wiring import open_state  # noqa: PLC0415  # not needed by --help

    state = open_state(shell).backend.load()
    if view == "json":
        clients = [{"address": a, **summary(c)} for a, c in sorted(state.clients.items())]
        pending = [{"address": i.address, "action": i.action, "at": i.at} for _, i in sorted(state.intents.items())]
        show_json({"serial": state.serial, "lineage": state.lineage, "clients": clients, "intents": pending})
        return 0
    width = max((len(address) for address in state.clients), default=0)
    for address, client in sorted(state.clients.items()):
        click.echo(printable(f"{address:<{width}}  {client.client_id}  secret {secret_text(client)}"))
    for _, intent in sorted(state.intents.items()):
        shell.note(printable(f"{intent.address}: {intent.action} of {intent.at} was interrupted; iac plan says more"))
    if not state.clients:
        shell.note("no clients are in state yet")
    return 0
