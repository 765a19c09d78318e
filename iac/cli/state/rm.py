"""`iac state rm`: forget an address."""

from __future__ import annotations

import click

from iac.cli.context import Shell, approve
from iac.core.state.model import ClientState, State
from iac.core.text import printable


@click.command("rm")
@click.argument("address", metavar="ADDR")
@click.option("--yes", "is_approved", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(shell: Shell, *, address: str, is_approved: bool) -> int:
    """Forget an address. The client stays on the server as it is; its stored secret is gone from state.

    `removed: [{address, then: forget}]` in iac.yaml does the same through review.
    """
    from iac.wiring.sessions import open_state  # not needed by --help
    from iac.workflow.state import find, forget

    session = open_state(shell)
    state = session.backend.load()
    known = _known(state, address, find(state, address))
    if not is_approved:
        shell.note(printable(f"{address} ({known}): the client stays on the server, the stored secret is lost to iac;"))
        shell.note("iac state pull saves a copy of the state first")
        approve("Forget it?", flag="--yes")
    forget(session, address)
    click.echo(printable(f"forgot {address} ({known})"))
    shell.note("rendered outputs are left as they are; a definition with adopt: true takes the client over again")
    return 0


def _known(state: State, address: str, client: ClientState | None) -> str:
    if client is not None:
        return f"client_id {' and '.join(client.client_ids)}"
    return "an interrupted create" if address in state.intents else "keys, and no client yet"
