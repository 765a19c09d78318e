"""`iac logout`: forget the tokens that a login by device code has left on this machine."""

from __future__ import annotations

import os

import click

from iac.cli.context import CommandContext, show
from iac.cli.options import FORMAT, Example, Subcommand
from iac.views.words import counted


@click.command(
    "logout",
    cls=Subcommand,
    page="how-to/log-in.md",
    examples=(
        Example("Forget the tokens for the servers of this project", "iac logout"),
        Example("Forget the tokens for all servers", "iac logout --all"),
    ),
)
@click.option("--all", "is_all", is_flag=True, help="Forget the tokens for all servers. Needs no project.")
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, is_all: bool, view: str) -> None:
    """Forget the tokens of logins by device code. The next command asks you to log in again.

    iac removes its files on this machine and sends nothing: the server accepts the tokens until they expire. With
    --env, iac forgets the tokens for the server of that environment. oidc-agent keeps its own tokens.
    """
    from iac.config.project import load_project
    from iac.providers.logins.cache import cache_folder, forget_tokens

    issuers: tuple[str, ...] | None = None
    if not is_all:
        project = load_project(context.root)
        names = context.environments or tuple(project.environments)
        issuers = tuple(project.settings(name).issuer for name in names)
    forgotten = forget_tokens(cache_folder(os.environ), issuers)
    lines = [f"forgot {counted(len(forgotten), 'login')}: {', '.join(sorted(set(forgotten)))}"]
    show(view, {"forgotten": forgotten}, lines if forgotten else ["no tokens are kept here"])
