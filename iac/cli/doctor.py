"""`iac doctor`: what is misconfigured, what the login may do, and what reading shows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from iac.cli.format import FORMAT, show_json
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell
    from iac.workflow.doctor import Checkup

UNREACHED = 6


@click.command("doctor")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, view: str) -> int:
    """Look at everything around the project: files, login, server, state, pipelines; each with the way on.

    Nothing is written. Exit 0, 1 with an error, 6 when the server or the state cannot be reached or refuses the login.
    """
    from iac.workflow.doctor import run_checkup  # brings in the adapters

    found = run_checkup(shell)
    if view == "json":
        show_json({"format_version": "1.0", "checks": [check.to_dict() for check in found.checks]})
    else:
        _show_text(found)
    if not found.is_reached:
        return UNREACHED
    return 1 if found.has_errors else 0


def _show_text(found: Checkup) -> None:
    for check in found.checks:
        click.echo(printable(f"{check.verdict:<8} {check.id:<13} {check.says}"))
        if check.fix:
            click.echo(printable(f"{'':<22} fix: {check.fix}"))
    counts = Counter(check.verdict for check in found.checks)
    click.echo(f"{len(found.checks)} checks: {', '.join(f'{number} {verdict}' for verdict, number in counts.items())}")
