"""`iac rotate`: new secrets now, outputs rendered."""

from __future__ import annotations

import click

from iac.cli.approval import AUTO_APPROVE, LOCK_TIMEOUT, ApprovalTerms, carry_out, end, with_ended
from iac.cli.context import CommandContext
from iac.cli.options import FORMAT, Example, Subcommand, complete_addresses


@click.command(
    "rotate",
    cls=Subcommand,
    page="how-to/rotate-a-secret.md",
    examples=(
        Example("Give one client a new secret", "iac rotate portal"),
        Example("After a leak, end its tokens, too", "iac rotate portal --revoke"),
    ),
    exits={
        0: "Rotated.",
        3: "A guard or policy refused the plan.",
        5: "Applied in part; or the server cannot revoke tokens (IAM up to 1.12).",
    },
)
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True, shell_complete=complete_addresses)
@click.option(
    "--revoke", "is_revoking", is_flag=True, help="Also end access and refresh tokens that the clients have received."
)
@click.option("--no-grace", is_flag=True, help="Delete replaced clients now instead of after their grace time.")
@AUTO_APPROVE
@LOCK_TIMEOUT
@FORMAT
@click.pass_obj
def command(
    context: CommandContext,
    *,
    addresses: tuple[str, ...],
    is_revoking: bool,
    no_grace: bool,
    auto_approve: bool,
    lock_timeout: int,
    view: str,
) -> int:
    """Give clients new secrets now, and render their outputs. The old secrets stop working at once.

    A client with `lifecycle: {rotation: replace}` is replaced by another client instead, and the old one stays for its
    grace time. Rotate applies all planned changes of these addresses; the plan shows them. To rotate through review,
    raise `secret.serial` in the definition.
    """
    from iac.apply.run import apply_plan
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.rotate import prepare_rotation, rotate_and_revoke

    terms = ApprovalTerms(view, is_approved=auto_approve)
    context = with_ended(context, view)
    with (
        open_session(context, Access.WRITE) as session,
        session.locked(lock_timeout),
    ):
        locked = prepare_rotation(session, addresses, no_grace=no_grace)
        report = carry_out(context, session, locked, terms, rotate_and_revoke if is_revoking else apply_plan)
    return end(context, report, view)
