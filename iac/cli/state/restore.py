"""`iac state restore`: a deleted client made anew, with its old id and secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, Terms, carry_out, end
from iac.cli.format import FORMAT
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("restore")
@click.argument("address", metavar="ADDR")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def command(shell: Shell, /, **given: Any) -> int:
    """Make a deleted client anew on the server, with its old id and secret: its services work again.

    State keeps deleted clients for 30 days. Without a definition the client is made as it last was. Needs an identity.
    """
    from iac.apply.run import apply_plan
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.restore import prepare_restore

    address = given["address"]
    terms = Terms(given["view"], is_approved=given["auto_approve"])
    with (
        open_session(shell, Access.WRITE) as session,
        session.backend.lock(session.holder(), timeout=given["lock_timeout"]),
    ):
        is_defined = address in session.desired.clients
        alone, prepared = prepare_restore(session, address)
        report = carry_out(shell, alone, prepared, terms, apply_plan)
    code = end(shell, report, given["view"])
    if not is_defined:
        shell.note(printable(f"now put its definition back, clients.d/{address}.yaml, and take it out of removed:"))
        shell.note("until then iac apply refuses it, or deletes it again")
    return code
