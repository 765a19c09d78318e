"""The command line: parse, call the workflow, show, exit. One module a command, imported when it is asked for."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from itertools import pairwise

import click

from iac import __version__

COMMANDS = {
    "apply": "make the server hold what is defined, and render outputs",
    "doctor": "what is misconfigured, and what the login may do and see",
    "drift": "what somebody changed on the server",
    "explain": "what an id of a finding or mistake means",
    "fmt": "canonical order and style, comments kept",
    "import": "definitions of clients that are registered already",
    "init": "a new project, its state and an age identity outside of it",
    "keygen": "a key for a client that logs in by key",
    "list": "every client of the server, and what is known of it",
    "new": "a definition for a known service",
    "plan": "what apply would do",
    "redeem": "take over self-service clients that nobody owns",
    "render": "write outputs from state alone",
    "rotate": "new secrets now, outputs rendered",
    "sandbox": "a local IAM with real behaviour",
    "schema": "print a JSON schema",
    "secret": "store secrets that are known",
    "show": "one client: definition, state, server",
    "state": "create, inspect and repair state",
    "validate": "check definitions, offline",
    "verify": "prove that rendered credentials work",
    "whoami": "who the token is and which server this is",
}
INTERRUPTED = 130
GARBAGE = (100_000, 50, 50)
"""When Python looks for garbage: definitions and registrations are trees without cycles, which its defaults walk over
and over, for a tenth of a plan of 1,000 clients."""


class Group(click.Group):
    """A group that says "did you mean" for an unknown command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, name the one that comes close."""
        name, known = args[0] if args else "", self.list_commands(ctx)
        if name and not name.startswith("-") and name not in known:
            import difflib  # only for a mistake

            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else f" `{ctx.command_path} --help` lists them."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


class _Root(Group):
    """The commands of `COMMANDS`, each a module of this package that is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click has this form
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"iac.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click has this form
        """List commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "directory", metavar="DIR", default=".", help="Run as if started in DIR.")
@click.option("--env", "environment", metavar="NAME", default=None, help="The environment of iac.yaml to work on.")
@click.option("--no-color", is_flag=True, help="No colour (as with NO_COLOR set).")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result and errors.")
@click.option("-v", "--verbose", count=True, help="Say what is sent and read, never a secret; -vv says more.")
@click.version_option(__version__, prog_name="iac", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context, *, directory: str, environment: str | None, no_color: bool, quiet: bool, verbose: int
) -> None:
    """OAuth/OIDC clients of an INDIGO IAM as code."""
    from iac.cli.context import Shell  # not needed for --version and --help
    from iac.cli.format import SHOWN

    ctx.meta[SHOWN] = ctx.obj
    ctx.obj = Shell(directory, environment, no_color, quiet, verbose)
    if verbose:
        ctx.call_on_close(_log(verbose))


def _log(verbosity: int) -> Callable[[], None]:
    """Requests and their statuses on stderr; what they carry is never logged. Gives what ends it."""
    import logging  # only with -v

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("iac")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
    return lambda: logger.removeHandler(handler)


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
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    shown: list[str] = []
    try:
        code = cli.main(args=arguments, prog_name="iac", standalone_mode=False, obj=shown)
    except click.ClickException as error:
        from iac.cli.failure import refuse_usage  # only for a mistake

        root = click.Context(cli, info_name="iac")
        return refuse_usage(error, root, as_json=not shown and _wants_json(arguments))
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        from iac.cli.failure import report  # only for an error

        return report(error, as_json=not shown and _wants_json(arguments))
    return code if isinstance(code, int) else 0


def _wants_json(arguments: Sequence[str] | None) -> bool:
    """Whether the command line asks for JSON; it is looked at itself, for it may be what is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    return "--format=json" in given or ("--format", "json") in pairwise(given)
