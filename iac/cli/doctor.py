"""`iac doctor`: what is misconfigured, what the login may do, and what reading shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from iac.cli.context import CommandContext
from iac.cli.format import FORMAT, show
from iac.cli.help import Example, Subcommand

if TYPE_CHECKING:
    from iac.workflow.doctor import Checkup

UNREACHED = 6


@click.command(
    "doctor",
    cls=Subcommand,
    page="reference/doctor.md",
    examples=(
        Example("Check everything", "iac doctor"),
        Example("Print the checks as JSON, for a monitor", "iac doctor --format json"),
    ),
    exits={
        0: "No errors; there may be warnings.",
        1: "There are errors.",
        6: "The server or the state cannot be reached, or refuses the login.",
    },
)
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, view: str) -> int:
    """Check everything around the project: files, git, pipelines, encryption, state, login and server.

    Each problem comes with its fix. Doctor writes nothing. A check that fails does not stop the others.
    """
    from iac.workflow.doctor import run_checkup  # brings in the adapters

    checkup = run_checkup(context)
    show(view, {"format_version": "1.0", "checks": [check.to_dict() for check in checkup.checks]}, _lines(checkup))
    if not checkup.is_reached:
        return UNREACHED
    return 1 if checkup.has_errors else 0


def _lines(checkup: Checkup) -> Iterator[str]:
    for check in checkup.checks:
        message = check.message
        yield f"{check.health:<8} {message.id:<13} {message.summary}"
        for line in (message.where, message.why, f"fix: {message.fix}" if message.fix else ""):
            if line:
                yield f"{'':<22} {line}"
    counts = Counter(check.health for check in checkup.checks)
    yield f"{len(checkup.checks)} checks: {', '.join(f'{number} {health}' for health, number in counts.items())}"
