"""`iac state init`: the empty state of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.context import Shell


@click.command("init")
@click.pass_obj
def command(shell: Shell) -> int:
    """Make the empty state of an environment, and write its lineage into iac.yaml.

    Where no recipients are named an age identity is made, as by `iac init`. A state that is there is left alone.
    """
    from iac.cli.init import tell_key  # not needed by list and show
    from iac.clock import SystemClock
    from iac.config.project import load_project
    from iac.wiring.site import open_backend
    from iac.workflow.init import make_state

    settings = load_project(shell.root).settings(shell.environment)
    begun = make_state(settings, SystemClock(), open_backend)
    click.echo(printable(f"made an empty state for environment {settings.environment}, {begun.where}"))
    tell_key(shell, begun)
    shell.note(f"iac.yaml names its lineage, {begun.lineage}: commit iac.yaml")
    return 0
