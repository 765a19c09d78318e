"""`iac doctor`: what is misconfigured, what the login may do, and whether it can read secrets.

Checks:
    versions: iac, Python, the system
    project: iac.yaml, definitions and templates, as `iac validate`
    pipelines: pipelines that another version wrote; those of 0.1.0 install `iac` by name, which is an error
    settings: only if iac.yaml is unusable, or `--env` is missing
    pinned: `IAC_ISSUER`: whether credentials are bound to one server
    files: files with a secret of the login or the state, and the key file, that others can read
    outputs: rendered files that git tracks (an error) or does not ignore
    login-client: a definition of the client by which iac logs in
    encryption: whether secrets in state are encrypted, and to how many recipients
    identity: whether an identity here opens them
    state: whether it is whole, of this project, and reachable
    older-state: only if this machine has seen a newer state
    interrupted: only if an earlier run left writes open
    lock: who holds it, and until when
    rendered: outputs that state cannot fill, and those of this machine: missing, altered, unreadable, of another mode
    server: whether it answers and is the issuer of iac.yaml
    login: who the login is
    scopes: with `iam-admin`: whether the login has the scopes that iac needs, and no others
    flavour: with `iam-admin`: how the server behaves, and how many clients it has
    registration: with `rfc7591`: whether iac knows where to register clients
    exposure: with `iam-admin`: whether the login can read secrets (IAM up to 1.13)
    clock: whether this machine's time is within 30 seconds of the server's
    clients: clients that are disabled on the server; secrets that have expired, or expire within 30 days
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

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

    sections = run_each(
        context.with_progress(),
        run_checkup,
        lambda checkup: UNREACHED if not checkup.is_reached else 1 if checkup.has_errors else 0,
    )
    return show_sections(
        context,
        sections,
        view,
        value=lambda checkup: {"format_version": "1.0", "checks": [check.to_dict() for check in checkup.checks]},
        text=lambda one, checkup: "".join(f"{line}\n" for line in _lines(checkup, one.layout())),
    )


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
