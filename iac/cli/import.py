"""`iac import`: what is registered, or was exported, becomes definitions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import click

from iac.cli.context import CommandContext, ask_secret, read_stdin, show
from iac.cli.options import FORMAT, Example, Subcommand
from iac.config.tree import is_address
from iac.core.model import RegistrationAccess
from iac.core.text import listed, once_per_message
from iac.ports.path import CLIENTS_DIR
from iac.workflow.importing.selection import Candidate, ClientPattern, ClientSelection

if TYPE_CHECKING:
    from iac.workflow.importing.draft import DefinitionDraft
    from iac.workflow.importing.run import ImportResult


@click.command(
    "import",
    cls=Subcommand,
    page="how-to/take-over-a-client.md",
    examples=(
        Example(
            "Import clients whose name matches, and see that the plan changes no field",
            "iac import --match 'name=jupyter*'\niac plan",
        ),
        Example(
            "Import from an export, and write its secrets to a file",
            "iac import --from export.json --secrets-to secrets.env",
        ),
        Example(
            "Import a client by its registration access token, in a file here",
            'iac import grafana --uri "$REGISTRATION_CLIENT_URI" < grafana.token',
        ),
    ),
    exits={1: "Nothing was imported, or a CLIENT_ID cannot be imported."},
)
@click.argument("client_ids", metavar="[CLIENT_ID]...", nargs=-1)
@click.option(
    "--match",
    "matches",
    metavar="[KIND=]GLOB",
    multiple=True,
    help="Import clients that match; repeatable. KIND is id, name, scope, contact or owner. Without KIND: id or name.",
)
@click.option(
    "--from", "source", metavar="FILE", help="Import from a JSON file, a folder of them, or stdin (-). Needs no login."
)
@click.option(
    "--uri",
    metavar="URI",
    help="Import one client by its registration access token, from stdin or a prompt. URI is the client's"
    " registration_client_uri. For rfc7591 and iam-self-service.",
)
@click.option("--to", "folder", metavar="FOLDER", default="", help="Write below this folder of clients.d.")
@click.option(
    "--waive-until",
    metavar="DATE",
    help="Write waivers of findings that policy refuses. Their last day is DATE (YYYY-MM-DD).",
)
@click.option(
    "--secrets-to", metavar="FILE", help="Write secrets that the source shows into a new file, for iac secret import."
)
@FORMAT
@click.pass_obj
def command(
    context: CommandContext,
    *,
    client_ids: tuple[str, ...],
    matches: tuple[str, ...],
    source: str | None,
    uri: str | None,
    folder: str,
    waive_until: str | None,
    secrets_to: str | None,
    view: str,
) -> None:
    """Write definitions of clients that are registered already, with adopt: true.

    The next plan shows `adopt` without field changes, and apply takes the clients over. A definition has the fields
    that iac always manages, and other fields that are not at their default. Import needs the scope iam:admin.read.
    iac overwrites no file, and writes all definitions or none.

    Import does not change state, except with `--uri`: iac then stores the client and its token before it writes the
    definition.
    """
    from iac.clock import SystemClock  # not needed by --help
    from iac.workflow.importing.draft import ImportSettings
    from iac.workflow.importing.run import ImportRequest, import_by_token, run_import  # brings in the adapters

    if uri is not None and (len(client_ids) != 1 or matches or source is not None or secrets_to is not None):
        raise click.UsageError(  # which does not repeat what was given: perhaps the token
            "--uri takes one CLIENT_ID, and the token on stdin; no --match, --from or --secrets-to"
        )
    today = SystemClock().now().date()
    selection = _selection(client_ids, matches, source)
    terms = ImportSettings(today, _folder(folder), _day(waive_until, today))
    candidates = None if source is None else _read(context, source)
    request = ImportRequest(selection, terms, candidates, context.path(secrets_to) if secrets_to else None)
    caller = context.with_progress()
    if uri is None:
        done = run_import(caller, request)
    else:
        access = RegistrationAccess(client_ids[0], ask_secret(f"token of {client_ids[0]}", "token"), uri)
        done = import_by_token(caller, request, access)
    show(view, done.to_dict(), (f"{draft.file}: client_id {draft.client_id}" for draft in done.drafts))
    context.note(*_told(done, is_text=view == "text"))
    context.note(*_secrets_told([draft for draft in done.drafts if draft.secret is not None], source, secrets_to))
    if done.others:
        others = ", ".join(done.others)
        context.note(f"these definitions also count for {others}: to exclude one, set `environments`")
    taken_over = "adopt, without field changes; iac apply then takes the clients over"
    context.advise(f"next: run iac plan. It shows {taken_over if uri is None else 'no changes'}")


def _selection(client_ids: tuple[str, ...], texts: tuple[str, ...], source: str | None) -> ClientSelection:
    try:
        matches = tuple(ClientPattern.parse(text) for text in texts)
    except ValueError as error:
        raise click.UsageError(f"--match: {error}") from error
    selection = ClientSelection(client_ids, matches)
    if source is None and selection.is_everything:
        raise click.UsageError("name a CLIENT_ID, --match [KIND=]GLOB or --from FILE")
    if source is not None and selection.reads_owners:
        raise click.UsageError("--match owner= asks the server: leave out --from")
    return selection


def _folder(name: str) -> str:
    folder = name.removeprefix("./").rstrip("/").removeprefix(f"{CLIENTS_DIR}/")
    if folder in {"", CLIENTS_DIR}:
        return ""
    if not is_address(folder):
        raise click.UsageError(
            "--to FOLDER: parts of letters, digits and _.@+-, each beginning with a letter, digit or _"
        )
    return folder


def _day(text: str | None, today: date) -> date | None:
    if text is None:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError:
        raise click.UsageError("--waive-until takes a day: YYYY-MM-DD") from None
    if until < today:
        raise click.UsageError("--waive-until takes a day that is still to come")
    return until


def _read(context: CommandContext, source: str) -> list[Candidate]:
    from iac.config.project import load_project
    from iac.workflow.importing.source import parse_files, read_file, read_folder

    api = load_project(context.root).settings(context.environment).api
    if source == "-":
        return parse_files([("stdin", read_stdin())], api)
    path = context.path(source)
    return parse_files(read_folder(path, source) if path.is_dir() else [(source, read_file(path))], api)


def _told(done: ImportResult, *, is_text: bool) -> Iterator[str]:
    """What there is to know beside the files."""
    yield from once_per_message(((draft.address, note) for draft in done.drafts for note in draft.notes), "clients")
    if is_text:
        left = ((one.client_id or "(no client_id)", f"is not imported: {one.reason}") for one in done.skipped)
        yield from once_per_message(left, "clients", sign=" ")
    for rule in sorted({rule for draft in done.drafts for rule in draft.refused}):
        addresses = listed(draft.address for draft in done.drafts if rule in draft.refused)
        yield f"policy refuses ({rule}) until you fix or waive it: {addresses}; iac explain {rule}"


def _secrets_told(holding: list[DefinitionDraft], source: str | None, file: str | None) -> Iterator[str]:
    """No definition holds a secret. Where a server shows them, apply takes them from there."""
    if file and holding:
        yield f"{file} holds secrets in clear ({len(holding)}): apply, iac secret import {file}, then remove it"
    elif file:
        yield f"the source shows no secret: {file} is not written"
    elif source is not None and holding:
        names = listed(draft.address for draft in holding)
        yield f"secrets in {source} are not imported (--secrets-to FILE, or iac secret set ADDR): {names}"
