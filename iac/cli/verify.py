"""`iac verify`: prove that rendered credentials work."""

from __future__ import annotations

import click

from iac.cli.context import CommandContext
from iac.cli.environments import run_each, show_page, show_sections
from iac.cli.options import Example, Subcommand, complete_addresses, format_option
from iac.core.errors import UnreachableError
from iac.core.proof import ClientProof, Grade, Proof
from iac.core.text import printable
from iac.views.layout import TextLayout

UNANSWERED = 6


@click.command(
    "verify",
    cls=Subcommand,
    page="how-to/verify-credentials.md",
    examples=(
        Example("Test the credentials of all clients", "iac verify"),
        Example("Write a test report for CI", "iac verify --format junit > verify.xml"),
    ),
    exits={0: "No check failed.", 2: "Credentials do not work.", 6: "The server did not answer everything."},
)
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=complete_addresses)
@format_option("text", "json", "junit")
@click.pass_obj
def command(context: CommandContext, *, addresses: tuple[str, ...], view: str) -> int:
    """Prove that rendered credentials work: read each output, and ask the server with its credentials.

    Verify changes nothing. It gets tokens and device codes, which nobody uses. It needs no login, and usually no age
    identity. Without ADDR iac verifies all defined clients.
    """
    from iac.views.proof import proof_junit, proof_summary, proof_text, proof_title
    from iac.workflow.verify import prove  # brings in the adapters

    page = context.layout()

    def begin(proof: Proof) -> None:
        if view == "text" and not context.is_many:
            click.echo(f"{page.line(printable(proof_title(proof)), 'bold')}\n", color=True)

    def text(one: CommandContext, proof: Proof) -> str:
        if context.is_many:
            return proof_text(proof, color=one.layout().color, width=one.width())
        return f"{page.line(proof_summary(proof), 'bold')}\n"  # what is before it was printed as it came

    told = context.with_progress(view, lambda result: _told(result, view, page))
    sections = run_each(
        told,
        lambda one: prove(one, addresses, begin),
        lambda proof: 2 if proof.has_failed else 0 if proof.is_green else UNANSWERED,
    )
    if view == "junit":
        code = show_page(sections, proof_junit)
    else:
        code = show_sections(context, sections, view, value=Proof.to_dict, text=text)
    if code == UNANSWERED and not context.is_many:
        raise UnreachableError("the server did not answer everything", fix="run it again; see above what is missing")
    return code


def _told(client: object, view: str, page: TextLayout) -> tuple[str, bool]:
    """A client when it is verified: all of it in text, else its head."""
    from iac.views.proof import client_lines

    if not isinstance(client, ClientProof):
        return "", False
    head, *rest = client_lines(client, page)
    return "\n".join([head, *rest, ""]) if view == "text" else head, client.verdict is not Grade.OK
