"""`iac verify`: prove that rendered credentials work."""

from __future__ import annotations

from collections.abc import Callable

import click

from iac.cli.context import CommandContext, show_json
from iac.cli.environments import run_each, show_sections
from iac.cli.options import Example, Subcommand, complete_addresses, format_option
from iac.core.errors import UnreachableError
from iac.core.proof import ClientProof, Grade, Proof
from iac.core.text import printable
from iac.views.layout import TextLayout


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

    Verify changes nothing. It gets tokens and device codes, which nobody uses. It needs no login, and usually no key of
    the state. Without ADDR iac verifies all defined clients.
    """
    from iac.workflow.verify import prove  # brings in the adapters

    page = context.layout()
    if context.is_many:
        if view == "junit":
            raise click.UsageError("--format junit is of one environment: give --env once")
        sections = run_each(context, lambda one: prove(one, addresses), _code_of)
        return show_sections(context, sections, view, value=Proof.to_dict, text=_text)
    proof = prove(context.with_progress(view, lambda result: _told(result, view, page)), addresses, _title(view, page))
    _show(proof, view, page)
    if proof.has_failed:
        return 2
    if not proof.is_green:
        raise UnreachableError("the server did not answer everything", fix="run it again; see above what is missing")
    return 0


def _code_of(proof: Proof) -> int:
    return 2 if proof.has_failed else 0 if proof.is_green else 6


def _text(context: CommandContext, proof: Proof) -> str:
    from iac.views.proof import proof_text

    return proof_text(proof, color=context.wants_color(), width=context.width())


def _title(view: str, page: TextLayout) -> Callable[[Proof], None]:
    from iac.views.proof import proof_title

    def show(proof: Proof) -> None:
        if view == "text":
            click.echo(f"{page.line(printable(proof_title(proof)), 'bold')}\n", color=True)

    return show


def _told(client: object, view: str, page: TextLayout) -> tuple[str, bool]:
    """A client when it is verified: all of it in text, else its head."""
    from iac.views.proof import client_lines

    if not isinstance(client, ClientProof):
        return "", False
    head, *rest = client_lines(client, page)
    return "\n".join([head, *rest, ""]) if view == "text" else head, client.verdict is not Grade.OK


def _show(proof: Proof, view: str, page: TextLayout) -> None:
    from iac.views.proof import proof_junit, proof_summary

    if view == "json":
        show_json(proof.to_dict())
    elif view == "junit":
        click.echo(proof_junit(proof), nl=False)
    else:
        click.echo(page.line(proof_summary(proof), "bold"), color=True)
