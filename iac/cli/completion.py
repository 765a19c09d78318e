"""`iac completion`: the script by which a shell completes commands, options and words of the project."""

from __future__ import annotations

import click

from iac.cli.options import Choice, Example, Subcommand


@click.command(
    "completion",
    cls=Subcommand,
    page="reference/commands.md#completion",
    examples=(
        Example(
            "Complete in bash",
            "iac completion bash > ~/.iac-completion.bash\necho '. ~/.iac-completion.bash' >> ~/.bashrc",
        ),
        Example("Complete in fish", "iac completion fish > ~/.config/fish/completions/iac.fish"),
    ),
)
@click.argument("shell_name", metavar="SHELL", type=Choice(["bash", "zsh", "fish"]))
def command(shell_name: str) -> None:
    """Print the script that makes SHELL complete iac: bash (4.4 or newer), zsh or fish.

    It completes commands, options, addresses, environments, templates and ids of messages. They come from files, so
    completion needs no login and no network.
    """
    from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell_name]
    script = kind(click.get_current_context().find_root().command, {}, "iac", "_IAC_COMPLETE")
    # Not the class's own: that of bash starts bash to ask for its version.
    click.echo(ShellComplete.source(script))
