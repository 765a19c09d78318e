"""`iac redeem`: a user takes over clients that were registered without a login."""

from __future__ import annotations

import click

from iac.cli.context import CommandContext, show
from iac.cli.options import FORMAT, Example, Subcommand, complete_addresses


@click.command(
    "redeem",
    cls=Subcommand,
    page="how-to/self-service.md",
    examples=(Example("Become the owner of a client", "iac redeem portal"),),
)
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True, shell_complete=complete_addresses)
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, addresses: tuple[str, ...], view: str) -> None:
    """Become the owner of clients that self service registered without an owner.

    Log in as a user first. The clients keep their client_id and secret. iac sends their registration access tokens, so
    it needs an age identity. It then removes the tokens from state. For `provider: iam-self-service`.
    """
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import redeem

    wanted = tuple(dict.fromkeys(addresses))
    with open_session(context, Access.WRITE) as session:
        redeem(session, wanted)
    show(view, {"redeemed": list(wanted)}, (f"{address}: yours" for address in wanted))
