"""`iac drift`: what somebody changed on the server since the last apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.views.kind import BUDGET

if TYPE_CHECKING:
    from iac.cli.shell import Shell
    from iac.core.drift import Drift


@click.command("drift")
@click.argument("addresses", metavar="[ADDR]...", nargs=-1)
@click.option(
    "--format",
    "view",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.pass_obj
def command(shell: Shell, *, addresses: tuple[str, ...], view: str) -> int:
    """Show what somebody changed on the server since the last apply.

    Reading needs iam:admin.read only, and no key of the state. Exit 0, or 2 when there is drift.
    """
    from iac.wiring import Access, open_session  # noqa: PLC0415  # brings in the adapters
    from iac.workflow.drifting import read_drift  # noqa: PLC0415

    with open_session(shell, Access.READ) as session:
        drift = read_drift(session, addresses)
        holder = session.backend.holder()
    if holder is not None:
        shell.note(f"an apply is running since {holder.since}: {holder.who}")
    _show(shell, drift, view)
    return 2 if drift.clients else 0


def _show(shell: Shell, drift: Drift, view: str) -> None:
    from iac.cli.format import show_json  # noqa: PLC0415
    from iac.views.drift import drift_markdown, drift_text  # noqa: PLC0415

    if view == "json":
        show_json(drift.to_dict())
    elif view == "markdown":
        click.echo(drift_markdown(drift, BUDGET), nl=False)
    else:
        click.echo(drift_text(drift, color=shell.wants_color(), width=shell.width()), nl=False, color=True)
