"""`iac doctor`: what is misconfigured, what the login may do, and what reading shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from iac.cli.context import CommandContext
from iac.cli.environments import run_each, show_sections
from iac.cli.options import FORMAT, Example, Subcommand
from iac.core.text import printable
from iac.views.layout import SIGNS, TextLayout

if TYPE_CHECKING:
    from iac.workflow.doctor import Checkup

UNREACHED = 6
_INDENT = 22
"""Characters before what is said of a check: its verdict and its name."""


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

    sections = run_each(context.with_progress(), run_checkup, _code_of)
    return show_sections(context, sections, view, value=_value, text=_text)


def _code_of(checkup: Checkup) -> int:
    if not checkup.is_reached:
        return UNREACHED
    return 1 if checkup.has_errors else 0


def _value(checkup: Checkup) -> dict[str, Any]:
    return {"format_version": "1.0", "checks": [check.to_dict() for check in checkup.checks]}


def _text(context: CommandContext, checkup: Checkup) -> str:
    return "".join(f"{line}\n" for line in _lines(checkup, context.layout()))


def _lines(checkup: Checkup, page: TextLayout) -> Iterator[str]:
    for check in checkup.checks:
        message = check.message
        head = printable(f"{check.health:<8} {message.id:<13} {message.summary}")
        yield page.line(head, SIGNS.get(message.severity, ""), hanging=_INDENT + 1)
        for line in (message.where, message.why, f"fix: {message.fix}" if message.fix else ""):
            if line:
                yield page.line(f"{'':<{_INDENT}} {printable(line)}")
    counts = Counter(check.health for check in checkup.checks)
    summary = ", ".join(f"{number} {health}" for health, number in counts.items())
    yield page.line(f"{len(checkup.checks)} checks: {summary}", "bold")
