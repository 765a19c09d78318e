"""`iac state show`: what state holds of one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.cli.format import FORMAT, show_json
from iac.cli.state.entry import detail, predecessor_text, predecessors_of, secret_text, shown
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("show")
@click.argument("address", metavar="ADDR")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, address: str, view: str) -> int:
    """Show what state holds of one address. Secrets are shown as "(sensitive)"."""
    from iac.wiring.sessions import open_state  # not needed by --help
    from iac.workflow.state import not_in_state

    state = open_state(shell).backend.load()
    client = state.clients.get(address)
    if client is None:
        raise not_in_state(state, address)
    if view == "json":
        show_json({"address": address, **detail(client)})
        return 0
    click.echo(printable(f"{address}  client_id {client.client_id}"))
    click.echo(printable(f"  secret {secret_text(client)}"))
    for old in predecessors_of(client):
        click.echo(printable(f"  {predecessor_text(old)}"))
    for name, value in detail(client).items():
        if name not in {"client_id", "secret", "predecessors", "applied"}:
            click.echo(printable(f"  {name:<32} {shown(value)}"))
    click.echo("applied:")
    for name, value in detail(client)["applied"].items():
        click.echo(printable(f"  {name:<32} {shown(value)}"))
    return 0
