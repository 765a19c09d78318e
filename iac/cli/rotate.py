"""`iac rotate`: new secrets now, outputs rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, Terms, carry_out, end
from iac.cli.format import FORMAT

if TYPE_CHECKING:
    from iac.apply.outcome import Report
    from iac.apply.run import LockedPlan, Stop
    from iac.cli.context import Shell
    from iac.session.session import Session


@click.command("rotate")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@click.option("--revoke", "is_revoking", is_flag=True, help="End the tokens that the clients have got, too.")
@click.option("--no-grace", is_flag=True, help="Delete the clients that others take the place of at once.")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def command(shell: Shell, /, **given: Any) -> int:
    """Give these clients new secrets now, and render their outputs. The old secrets are dead at once.

    Where a definition says `lifecycle: {rotation: replace}` another client takes the place of the old one, which stays
    for its grace time; with --no-grace it is deleted as soon as outputs are written.

    This is an apply of these addresses: what else is to change of them changes too, as the plan shows. Through review
    goes `secret.serial` of the definition. Exit 5 when tokens could not be revoked, as on IAM up to 1.12.
    """
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.rotate import prepare_rotation

    terms = Terms(given["view"], is_approved=given["auto_approve"])
    with (
        open_session(shell, Access.WRITE) as session,
        session.backend.lock(session.holder(), timeout=given["lock_timeout"]),
    ):
        prepared = prepare_rotation(session, given["addresses"], no_grace=given["no_grace"])
        report = carry_out(shell, session, prepared, terms, _and_revoke if given["is_revoking"] else _rotate)
    return end(shell, report, given["view"])


def _rotate(session: Session, prepared: LockedPlan, stop: Stop) -> Report:
    from iac.apply.run import apply_plan  # not needed by --help

    return apply_plan(session, prepared, stop)


def _and_revoke(session: Session, prepared: LockedPlan, stop: Stop) -> Report:
    from iac.workflow.rotate import revoke_tokens  # not needed by --help

    return revoke_tokens(session, _rotate(session, prepared, stop))
