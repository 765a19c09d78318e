"""`iac redeem`: a user takes over clients that were registered without a login."""

from __future__ import annotations

import click

from iac.cli.context import Shell
from iac.cli.format import FORMAT, show


@click.command("redeem")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@FORMAT
@click.pass_obj
def command(shell: Shell, *, addresses: tuple[str, ...], view: str) -> int:
    """Make the user who is logged in the owner of clients that self service registered for nobody.

    Their registration access tokens leave state; client_id and secret stay.
    """
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import redeem

    wanted = tuple(dict.fromkeys(addresses))
    with open_session(shell, Access.WRITE) as session:
        redeem(session, wanted)
    show(view, {"redeemed": list(wanted)}, (f"{address}: yours" for address in wanted))
    return 0
