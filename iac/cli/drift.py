"""`iac drift`: what somebody changed on the server since the last apply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from iac.cli.context import CommandContext, note_run, show
from iac.cli.environments import run_each, show_page, show_sections
from iac.cli.options import Example, Subcommand, complete_addresses, format_option
from iac.core.drift import Drift, SecretDrift
from iac.core.plan.change import Cause
from iac.core.text import listed
from iac.views.kind import BUDGET
from iac.views.words import value_shown

if TYPE_CHECKING:
    from iac.workflow.drift import AcceptedField


@click.command(
    "drift",
    cls=Subcommand,
    page="how-to/see-drift.md",
    examples=(
        Example("Look for changes on the server", "iac drift"),
        Example("Write what somebody changed into the definition", "iac drift --accept portal"),
    ),
    exits={0: "No drift.", 2: "There is drift.", 6: "The server cannot be read."},
)
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=complete_addresses)
@click.option(
    "--accept",
    metavar="ADDR",
    multiple=True,
    shell_complete=complete_addresses,
    help="Write the server's values into this definition, for review; repeatable.",
)
@format_option("text", "markdown", "json", "html")
@click.pass_obj
def command(context: CommandContext, *, addresses: tuple[str, ...], view: str, accept: tuple[str, ...]) -> int:
    """Show what somebody changed on the server since the last apply.

    iac compares managed fields, owners and secrets that the server shows, and reports clients that are gone. A changed
    definition is not drift. Needs the scope iam:admin.read. iac needs an age identity only for clients that it reads by
    their own registration access token.
    """
    if accept and (addresses or view in {"markdown", "html"}):
        raise click.UsageError(f"--accept ADDR cannot be combined with other ADDR or --format {view}")
    if accept:
        return _accept(context, accept, view)
    sections = run_each(
        context.with_progress(), lambda one: _read(one, addresses), lambda drift: 2 if drift.clients else 0
    )
    if view == "html":
        from iac.views.html import drift_page  # brings in Jinja2

        return show_page(sections, drift_page)
    from iac.views.drift import drift_markdown, drift_text

    def text(one: CommandContext, drift: Drift) -> str:
        if view == "markdown":
            return drift_markdown(drift, BUDGET)
        return drift_text(drift, color=one.layout().color, width=one.width())

    return show_sections(context, sections, view, value=Drift.to_dict, text=text)


def _read(context: CommandContext, addresses: tuple[str, ...]) -> Drift:
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.drift import read_drift

    with open_session(context, Access.READ) as session:
        drift = read_drift(session, addresses)
        note_run(context, session.backend)
    context.note(*drift.not_understood)
    return drift


def _accept(context: CommandContext, addresses: tuple[str, ...], view: str) -> int:
    from iac.config.edit.splice import read_sources  # not needed by --help
    from iac.workflow.drift import accept

    # The files as they are before the server is asked: one that changes meanwhile is not written.
    sources = read_sources(context.root, addresses)
    drift = _read(context.with_progress(), addresses)
    accepted, findings = accept(context.root, drift, sources)
    lines = [line for one in accepted for line in _written(drift, one)]
    lines += [line for finding in findings for line in finding.lines()]
    told = {
        "accepted": [one.to_dict() for one in accepted],
        "findings": [finding.to_dict() for finding in findings],
    }
    show(view, told, lines)
    if not any(client.fields for client in drift.clients):
        context.note("nothing to accept: no field differs")
    for client in drift.clients:
        if client.has_other_secret:
            way = "takes the server's" if client.secret is SecretDrift.CHANGED else "asks for a new one"
            context.note(
                f"{client.address}: no definition holds a secret, and it was {client.secret}: `iac apply` {way}"
            )
        if client.disabled:
            context.note(f"{client.address}: no definition can enable a client that is disabled on the server")
        for name in client.unread:
            context.note(f"{client.address}: this server does not show {name}, so iac cannot see a change")
    context.note(*(f"{address}: not read, so iac cannot see a change; iac plan says why" for address in drift.unread))
    return 2 if any(client.has_other_secret or client.disabled for client in drift.clients) else 0


def _written(drift: Drift, accepted: AcceptedField) -> Iterator[str]:
    """What stands where, and for which environments where these are others than the one that was read."""
    where, field = accepted.location, accepted.field
    yield f"{where.file}:{where.line}: {field.name} is now {value_shown(field.name, field.after)}"
    if field.cause is Cause.BOTH:
        yield "  it replaces a value of the definition that was not applied yet: see git diff"
    if others := [name for name in accepted.environments if name != drift.environment]:
        yield f"  this line counts for {drift.environment} and {listed(others)}: iac apply gives it to each of them"
