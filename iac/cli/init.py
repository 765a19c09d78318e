"""`iac init`: a new project, its state and an age identity outside of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from iac.cli.shell import is_terminal
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.shell import Shell
    from iac.scaffold import Begun


@click.command("init")
@click.option("--project", metavar="NAME", help="Name of the project. Not given: asked for, or the folder's name.")
@click.option("--issuer", metavar="URL", help="The server's issuer URL. Not given: asked for, on a terminal.")
@click.option(
    "--provider", type=click.Choice(["iam-admin"]), default="iam-admin", show_default=True, help="The server's API."
)
@click.option(
    "--backend",
    type=click.Choice(["file", "git"]),
    default="file",
    show_default=True,
    help="Where state lives: on this machine, or in a branch of the repository's remote origin.",
)
@click.pass_obj
def command(shell: Shell, *, project: str | None, issuer: str | None, provider: str, backend: str) -> int:
    """Make a new project here: iac.yaml, an empty state, and an age identity outside of the project.

    Nothing that is there is overwritten, and no IAM is asked. With --backend git the folder lies in a git repository
    whose remote origin you may push to.
    """
    from iac.backing import open_backend  # noqa: PLC0415
    from iac.clock import SystemClock  # noqa: PLC0415  # not needed by --help
    from iac.scaffold import Answers, make_project  # noqa: PLC0415

    usual = shell.root.resolve().name
    if is_terminal(sys.stdin):
        project = project or click.prompt("name of the project", default=usual, err=True)
        issuer = issuer or click.prompt("issuer URL of the IAM", err=True)
    if not issuer:
        raise click.UsageError("--issuer is needed: the server's URL, such as https://iam.example.org/")
    answers = Answers(project or usual, issuer, provider, backend)
    begun = make_project(shell.root, answers, SystemClock(), open_backend)
    click.echo(printable(f"made iac.yaml, clients.d/ and an empty state, {begun.where}"))
    tell_key(shell, begun)
    shell.note("next: iac new NAME starts a definition, clients.d/NAME.yaml; then run iac validate and iac plan")
    return 0


def tell_key(shell: Shell, begun: Begun) -> None:
    """Say where the identity is and what to do with it."""
    if begun.key is None:
        return
    path = begun.key.path
    click.echo(printable(f"{'made' if begun.key.is_new else 'took'} the age identity {path}"))
    shell.note(printable("it opens the secrets in state, and is used on this machine without further settings;"))
    shell.note("keep a copy in a safe place: without it every secret has to be rotated")
    shell.note(printable(f"elsewhere, as in a pipeline, set IAC_AGE_IDENTITY to the content of {path} or to its path"))
