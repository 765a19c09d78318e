"""`iac verify`: prove that rendered credentials work."""

from __future__ import annotations

import click

from iac.cli.context import Shell
from iac.cli.format import format_option, show_json
from iac.core.errors import UnreachableError
from iac.core.proof import Proof


@click.command("verify")
@click.argument("addresses", metavar="[ADDR]...", nargs=-1)
@format_option("text", "json", "junit")
@click.pass_obj
def command(shell: Shell, *, addresses: tuple[str, ...], view: str) -> int:
    """Prove that the credentials in rendered files work: read each from its file and ask the server with it.

    Needs no login, and as a rule no key of the state. Exit 0, 2 when credentials do not work, or 6 when the server did
    not answer everything.
    """
    from iac.workflow.verify import prove  # brings in the adapters

    proof = prove(shell, addresses)
    _show(shell, proof, view)
    if proof.has_failed:
        return 2
    if not proof.is_green:
        raise UnreachableError("the server did not answer everything", fix="run it again; see above what is missing")
    return 0


def _show(shell: Shell, proof: Proof, view: str) -> None:
    from iac.views.proof import proof_junit, proof_text

    if view == "json":
        show_json(proof.to_dict())
    elif view == "junit":
        click.echo(proof_junit(proof), nl=False)
    else:
        click.echo(proof_text(proof, color=shell.wants_color(), width=shell.width()), nl=False, color=True)
