"""`iac sandbox`: a local IAM, until it is interrupted."""

from __future__ import annotations

from typing import Any

import click

from iac.cli.context import CommandContext
from iac.cli.options import Choice, Example, Subcommand
from iac.core.errors import InputError
from iac.sandbox.flavour import Flavour
from iac.sandbox.run import RunOptions, SandboxError, run
from iac.sandbox.seed import PEOPLE
from iac.sandbox.world import Registrants


@click.command(
    "sandbox",
    cls=Subcommand,
    page="reference/commands.md#iac-sandbox",
    examples=(
        Example("Run a sandbox of IAM 1.14 until Ctrl-C", "iac sandbox"),
        Example("Run an older version on a free port", "iac sandbox --flavour 1.12 --port 0"),
    ),
)
@click.option(
    "--host", metavar="ADDRESS", default="localhost", show_default=True, help="Host in the issuer, to listen on."
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on. 0 takes a free port and prints it.",
)
@click.option(
    "--flavour",
    type=Choice([str(flavour) for flavour in Flavour]),
    default=str(Flavour.V1_14),
    show_default=True,
    help="Version of IAM to behave like.",
)
@click.option(
    "--seed",
    metavar="FILE",
    default=PEOPLE,
    show_default=True,
    help="Contents of the server: `people` (two admin clients, two users, four clients) or a JSON file.",
)
@click.option(
    "--registration",
    type=Choice([str(policy) for policy in Registrants]),
    default=str(Registrants.ANYONE),
    show_default=True,
    help="Who can use self service.",
)
@click.option("--faults", metavar="JSON", default="", help="Faults of the next requests, as a JSON list.")
@click.option("--shuffle", type=int, metavar="N", help="Answer lists in a random order, with seed N.")
@click.pass_obj
def command(context: CommandContext, /, **options: Any) -> None:
    """Run a local INDIGO IAM with real behaviour, for demos, tests and reviews.

    It runs in memory until Ctrl-C and keeps nothing. Do not use it in production: everybody knows its secrets.
    """
    if options["seed"] != PEOPLE:
        options["seed"] = str(context.path(options["seed"]))
    flavour, registration = Flavour(options.pop("flavour")), Registrants(options.pop("registration"))
    try:
        run(RunOptions(flavour=flavour, registration=registration, **options), click.echo)
    except SandboxError as refusal:
        raise InputError("the sandbox cannot start", why=refusal.summary, fix=refusal.fix) from refusal
