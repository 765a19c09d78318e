"""`iac render`: outputs from state alone; no IAM is needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click
from msgspec.structs import replace

from iac.cli.approval import ACCEPT_OLDER
from iac.cli.context import CommandContext, show_json
from iac.cli.options import FORMAT, Example, Subcommand, complete_addresses
from iac.core.errors import RenderError, UnsafePlan
from iac.core.text import NAMES, listed, printable
from iac.session import LocalSession
from iac.workflow.render import OutputState, render_outputs


@click.command(
    "render",
    cls=Subcommand,
    page="how-to/render-on-the-service-host.md",
    examples=(
        Example("Write all outputs", "iac render"),
        Example("On a service's host, write its own file", "iac render --target portal"),
        Example("Check that files on disk are up to date", "iac render --check"),
    ),
    exits={
        1: "An output could not be rendered.",
        2: "With --check: a file is missing or different, or has another mode.",
        3: "An output was refused, because git tracks it.",
    },
)
@click.option(
    "--target",
    "targets",
    metavar="ADDR",
    multiple=True,
    shell_complete=complete_addresses,
    help="Only outputs of this address; repeatable.",
)
@click.option("--check", is_flag=True, help="Write nothing. Compare files with state.")
@ACCEPT_OLDER
@FORMAT
@click.pass_obj
def command(
    context: CommandContext, *, check: bool, targets: tuple[str, ...], accept_older_state: bool, view: str
) -> int:
    """Write outputs from state. Needs an age identity that opens the secrets, and no login.

    If the identity opens only some clients, name them with --target.
    """
    from iac.wiring import open_local  # brings in the adapters

    context = context.with_progress(view, _told)
    session = replace(open_local(context), accepts_older_state=accept_older_state)
    results = render_outputs(session, session.options(targets).targets, check=check)
    if view == "json":
        show_json({"outputs": [result.to_dict() for result in results]})
    context.note(*(line for result in results if result.warning for line in result.warning.lines()))
    if any(result.status == "failed" for result in results):
        raise _failure(session, results, targets)
    if any(result.status == "refused" for result in results):
        raise UnsafePlan("some outputs were refused", fix="see above")
    return 2 if check and any(result.status in {"missing", "differs", "blocked"} for result in results) else 0


def _told(result: object) -> tuple[str, bool]:
    """An output when it is rendered or compared."""
    if not isinstance(result, OutputState):
        return "", False
    first, *rest = result.lines() or [""]
    about = first if first.startswith(result.id) else ": ".join(part for part in (result.id, first) if part)
    return "\n".join(map(printable, (f"{result.status:<10} {about}", *rest))), result.status in {"failed", "refused"}


def _failure(session: LocalSession, results: Sequence[OutputState], targets: Collection[str]) -> RenderError:
    """Why not everything was rendered; where it is for want of an identity, the clients concerned and the way on."""
    summary = "some outputs could not be rendered"
    closed = [result.closed for result in results if result.closed]
    if not closed:
        return RenderError(summary, fix="see above")
    addresses = sorted({address for error in closed for address in error.addresses})
    why = f"the age identity does not open the secrets of these clients: {closed[0].why}"
    own = [] if targets else _opened(session, results)
    if own and len(own) <= NAMES:
        fix = f"iac render {' '.join(f'--target {address}' for address in own)} renders what it opens"
    else:
        fix = f"name the clients that it opens by --target, or {closed[0].fix}"
    return RenderError(summary, where=listed(addresses), why=why, fix=fix)


def _opened(session: LocalSession, results: Sequence[OutputState]) -> list[str]:
    """Addresses all of whose outputs could be rendered."""
    clients = {spec.id: spec.clients for spec in session.desired.outputs}
    fine = {
        address for result in results if result.status not in {"failed", "blocked"} for address in clients[result.id]
    }
    return sorted(fine - {address for result in results if result.status == "failed" for address in clients[result.id]})
