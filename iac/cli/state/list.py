"""`iac state list`: the addresses in state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from iac.cli.format import FORMAT, show_json
from iac.cli.state.entry import predecessor_text, predecessors_of, secret_text, summary
from iac.core.state.model import State
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("list")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, view: str) -> int:
    """List the addresses in state with their client_id and what is known of their secret."""
    from iac.wiring.sessions import open_state  # not needed by --help

    state = open_state(shell).backend.load()
    if view == "json":
        show_json(_to_dict(state))
        return 0
    width = max((len(address) for address in state.clients), default=0)
    for address, client in sorted(state.clients.items()):
        click.echo(printable(f"{address:<{width}}  {client.client_id}  secret {secret_text(client)}"))
        for old in predecessors_of(client):
            click.echo(printable(f"{'':<{width}}  {predecessor_text(old)}"))
    for _, intent in sorted(state.intents.items()):
        shell.note(printable(f"{intent.address}: {intent.action} of {intent.at} was interrupted; iac plan says more"))
    for grave in state.tombstones:
        way = "replaced" if grave.address in state.clients else f"iac state restore {grave.address}"
        shell.note(printable(f"{grave.address}: {grave.client.client_id} was deleted {grave.deleted_at}; {way}"))
    if not state.clients:
        shell.note("no clients are in state yet")
    return 0


def _to_dict(state: State) -> dict[str, Any]:
    intents = [intent for _, intent in sorted(state.intents.items())]
    return {
        "serial": state.serial,
        "lineage": state.lineage,
        "clients": [{"address": address, **summary(client)} for address, client in sorted(state.clients.items())],
        "intents": [{"address": one.address, "action": one.action, "at": one.at} for one in intents],
        "deleted": [
            {"address": grave.address, "client_id": grave.client.client_id, "at": grave.deleted_at}
            for grave in state.tombstones
        ],
    }
