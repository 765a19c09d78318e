"""`iac state pull`: the state as one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("pull")
@click.pass_obj
def command(shell: Shell) -> int:
    """Print the state, with its journal folded in. Secrets stay sealed. `iac state push` takes it back."""
    from iac.clock import SystemClock  # not needed by --help
    from iac.config.project import load_project
    from iac.core.state.document import render_state
    from iac.wiring.site import open_backend

    settings = load_project(shell.root).settings(shell.environment)
    click.echo(render_state(open_backend(settings, SystemClock()).load()), nl=False)
    if settings.state.is_clear:
        click.echo("the secrets in it stand in clear: iac.yaml says encryption: none", err=True)
    return 0
