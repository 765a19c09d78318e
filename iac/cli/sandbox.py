"""`iac sandbox`: a local IAM, until it is interrupted."""

from __future__ import annotations

from typing import Any

import click

from iac.cli.context import Shell
from iac.core.errors import InputError
from iac.sandbox.flavour import Flavour
from iac.sandbox.run import RunOptions, SandboxError, run
from iac.sandbox.seed import PEOPLE
from iac.sandbox.world import Registrants


@click.command("sandbox", short_help="a local IAM with real behaviour")
@click.option("--host", metavar="ADDRESS", default="localhost", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free port."
)
@click.option(
    "--flavour",
    type=click.Choice([str(flavour) for flavour in Flavour]),
    default=str(Flavour.V1_14),
    show_default=True,
    help="The version of IAM to behave like.",
)
@click.option("--seed", metavar="FILE", default=PEOPLE, help="What is on the server: `people`, or a JSON file.")
@click.option("--faults", metavar="JSON", default="", help="What is to happen to coming requests.")
@click.option(
    "--registration",
    type=click.Choice([str(policy) for policy in Registrants]),
    default=str(Registrants.ANYONE),
    show_default=True,
    help="Who may use self service.",
)
@click.option("--shuffle", type=int, metavar="N", help="Answer lists in a random order, N being its seed.")
@click.pass_obj
def command(shell: Shell, /, **options: Any) -> None:
    """Run a local INDIGO IAM with real behaviour, in memory, for demos, tests and reviews.

    It keeps nothing, knows its users and secrets from the start, and is not for production.
    """
    if options["seed"] != PEOPLE:
        options["seed"] = str(shell.root / options["seed"])
    flavour, registration = Flavour(options.pop("flavour")), Registrants(options.pop("registration"))
    try:
        run(RunOptions(flavour=flavour, registration=registration, **options), click.echo)
    except SandboxError as refusal:
        raise InputError("the sandbox cannot start", why=refusal.summary, fix=refusal.fix) from refusal
