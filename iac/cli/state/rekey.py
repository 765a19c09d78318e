"""`iac state rekey`: all secrets sealed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from iac.cli.shell import Shell


@click.command("rekey")
@click.pass_obj
def command(shell: Shell) -> int:
    """Seal every secret of state anew, to the recipients of iac.yaml. Needs an identity that opens them now."""
    from iac.wiring import open_state  # noqa: PLC0415  # not needed by --help
    from iac.workflow.mending import rekey  # noqa: PLC0415

    count = rekey(open_state(shell))
    click.echo(f"sealed {count} secret{'' if count == 1 else 's'} anew")
    shell.note("older copies of the state still open for former recipients:")
    shell.note("what they must not know any more is to be rotated, with iac rotate")
    return 0
