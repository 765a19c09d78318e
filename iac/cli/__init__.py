"""The command line: parse, call the workflow, show, exit. One module a command, imported when it is asked for."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from itertools import pairwise

import click

from iac.cli.call import Invocation
from iac.cli.options import GLOBAL, Group
from iac.core.explanation import DOCS

GROUPS: dict[str, dict[str, str]] = {
    "Start": {
        "init": "Create a project, its state and an age identity.",
        "new": "Write a definition for a known service.",
        "import": "Write definitions of clients that are registered already.",
    },
    "Change": {
        "fmt": "Format iac.yaml and the definitions.",
        "validate": "Check iac.yaml and the definitions, offline.",
        "plan": "Show what apply would change.",
        "apply": "Change the server as defined, and render outputs.",
        "render": "Write outputs from state, without a server.",
        "ci": "Run a job of a pipeline that iac init --ci wrote.",
    },
    "Look": {
        "list": "List every client of the server.",
        "show": "Show one client: definition, state and server.",
        "drift": "Show what somebody changed on the server.",
        "explain": "Explain the id of a message.",
        "schema": "Print a JSON Schema.",
        "completion": "Print the script that completes commands.",
    },
    "Secrets": {
        "rotate": "Give clients new secrets now.",
        "verify": "Prove that rendered credentials work.",
        "secret": "Store secrets that you know.",
        "keygen": "Make a key for a client that logs in by key.",
    },
    "State": {
        "state": "Create, inspect, move and repair state.",
    },
    "Server": {
        "doctor": "Check project, login, server and state.",
        "whoami": "Show your login and its scopes.",
        "logout": "Forget the tokens of your login.",
        "redeem": "Become the owner of self-service clients.",
        "sandbox": "Run a local INDIGO IAM.",
    },
}
"""The commands by use, in the order of use, and what each does."""
COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}
INTERRUPTED = 130
GARBAGE = (100_000, 50, 50)
"""When Python looks for garbage: definitions and registrations are trees without cycles, which its defaults walk over
and over, for a tenth of a plan of 1,000 clients."""


class _Root(Group):
    """The commands of `COMMANDS`, each a module of this package that is imported when it is asked for."""

    is_root = True

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, in the order of use."""
        return [*COMMANDS]  # `list` may be the module of that command here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click has this form
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"iac.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click has this form
        """List commands by use, without importing them."""
        width = max(map(len, COMMANDS))
        for use, commands in GROUPS.items():
            with formatter.section(use):
                formatter.write_dl([(f"{name:<{width}}", about) for name, about in commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where there is more."""
        super().format_epilog(ctx, formatter)
        formatter.write(f"Documentation: {DOCS}\n")


@click.group(cls=_Root, params=list(GLOBAL), context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Manage the OAuth/OIDC clients of an INDIGO IAM as code."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with the contract's exit code; nothing ends in a traceback.

    SIGTERM ends a command as Ctrl-C does: locks are freed and temporary files are gone. A character that stdout or
    stderr cannot encode is escaped.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(*GARBAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run(arguments)
    gc.freeze()  # all goes with the process: Python would look through 1,000 clients for garbage once more
    if code == INTERRUPTED:
        # CPython ends `python -m` by the signal, whatever the exit code, when Ctrl-C came while a text was executed, as
        # dataclasses do when a module is imported. The next text that is executed makes it forget that.
        exec("")  # noqa: S102  # nothing is executed
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    call = Invocation()
    try:
        code = cli.main(args=arguments, prog_name="iac", standalone_mode=False, obj=call)
    except click.ClickException as error:
        from iac.cli.failure import refuse_usage  # only for a mistake

        root = click.Context(cli, info_name="iac")
        return refuse_usage(
            error, root, as_json=not call.has_shown and _wants_json(arguments), no_color="no_color" in call.options
        )
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        from iac.cli.failure import report  # only for an error

        return report(error, as_json=not call.has_shown and _wants_json(arguments), no_color="no_color" in call.options)
    return code if isinstance(code, int) else 0


def _wants_json(arguments: Sequence[str] | None) -> bool:
    """Whether the command line asks for JSON; it is looked at itself, for it may be what is wrong."""
    words = sys.argv[1:] if arguments is None else arguments
    return "--format=json" in words or ("--format", "json") in pairwise(words)
