"""`iac state rekey`: all secrets sealed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("rekey")
@click.pass_obj
def command(shell: Shell) -> int:
    """Seal every secret of state anew, to the recipients of iac.yaml and of definitions.

    Needs an identity that opens them now, and no server. It also follows a change from encryption: none to recipients,
    or back.
    """
    from iac.wiring.sessions import open_rekey  # not needed by --help
    from iac.workflow.state import rekey

    session = open_rekey(shell)
    done = rekey(session)
    click.echo(f"sealed {_count(done.secrets, 'secret')} anew")
    for address, recipients in sorted(done.recipients.items()):
        click.echo(printable(f"{address}: also to {_count(len(recipients), 'recipient')} of its definition"))
    if done.are_clear:
        shell.note("they stand in clear now, as iac.yaml asks: whoever reads the state reads them")
        return 0
    if done.were_clear:
        shell.note(f"{done.were_clear} of them stood in clear, and still do in older copies of the state, backups too:")
        shell.note("remove those copies, or rotate with iac rotate")
    shell.note("older copies of the state still open for former recipients:")
    shell.note("what they must not know any more is to be rotated, with iac rotate")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
