"""`iac rotate`: new secrets now, outputs rendered."""

from __future__ import annotations

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, ApprovalTerms, carry_out, end
from iac.cli.context import Shell
from iac.cli.format import FORMAT


@click.command("rotate")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@click.option("--revoke", "is_revoking", is_flag=True, help="End the tokens that the clients have got, too.")
@click.option("--no-grace", is_flag=True, help="Delete the clients that others take the place of at once.")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def command(
    shell: Shell,
    *,
    addresses: tuple[str, ...],
    is_revoking: bool,
    no_grace: bool,
    auto_approve: bool,
    lock_timeout: int,
    view: str,
) -> int:
    """Give these clients new secrets now, and render their outputs. The old secrets are dead at once.

    Where a definition says `lifecycle: {rotation: replace}` another client takes the place of the old one, which stays
    for its grace time; with --no-grace it is deleted as soon as outputs are written.

    This is an apply of these addresses: what else is to change of them changes too, as the plan shows. Through review
    goes `secret.serial` of the definition. Exit 5 when tokens could not be revoked, as on IAM up to 1.12.
    """
    from iac.apply.run import apply_plan
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.rotate import prepare_rotation, rotate_and_revoke

    terms = ApprovalTerms(view, is_approved=auto_approve)
    with (
        open_session(shell, Access.WRITE) as session,
        session.backend.lock(session.holder(), timeout=lock_timeout),
    ):
        locked = prepare_rotation(session, addresses, no_grace=no_grace)
        report = carry_out(shell, session, locked, terms, rotate_and_revoke if is_revoking else apply_plan)
    return end(shell, report, view)
