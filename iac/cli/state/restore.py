"""`iac state restore`: a deleted client made anew, with its old id and secret."""

from __future__ import annotations

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, ApprovalTerms, carry_out, end
from iac.cli.context import Shell
from iac.cli.format import FORMAT
from iac.core.text import printable


@click.command("restore")
@click.argument("address", metavar="ADDR")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def command(shell: Shell, *, address: str, auto_approve: bool, lock_timeout: int, view: str) -> int:
    """Make a deleted client anew on the server, with its old id and secret: its services work again.

    State keeps deleted clients for 30 days. Without a definition the client is made as it last was. Needs an identity.
    """
    from iac.apply.run import apply_plan
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.restore import prepare_restore

    terms = ApprovalTerms(view, is_approved=auto_approve)
    with (
        open_session(shell, Access.WRITE) as session,
        session.backend.lock(session.holder(), timeout=lock_timeout),
    ):
        is_defined = address in session.desired.clients
        alone, locked = prepare_restore(session, address)
        report = carry_out(shell, alone, locked, terms, apply_plan)
    code = end(shell, report, view)
    if not is_defined:
        shell.note(printable(f"now put its definition back, clients.d/{address}.yaml, and take it out of removed:"))
        shell.note("until then iac apply refuses it, or deletes it again")
    return code
