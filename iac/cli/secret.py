"""`iac secret`: store secrets that are known; never from the command line, where others could read them."""

from __future__ import annotations

from collections.abc import Mapping

import click

from iac.cli.context import CommandContext, ask_secret, decoded, read_given, show
from iac.cli.options import FORMAT, Example, Group, complete_addresses
from iac.core.secret import Secret


@click.group("secret", cls=Group)
def command() -> None:
    """Store secrets that you know, for clients that were adopted from a server that does not show them.

    Never write a secret on the command line: other users of the machine can read it there.
    """


@command.command(
    "set",
    short_help="Store the secret of one client.",
    page="how-to/take-over-a-client.md",
    examples=(
        Example("Type the secret at a prompt that does not show it", "iac secret set portal"),
        Example("Read it from a file", "iac secret set portal < portal.secret"),
    ),
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@click.argument("others", metavar=" ", nargs=-1)
@FORMAT
@click.pass_obj
def set_secret(context: CommandContext, *, address: str, others: tuple[str, ...], view: str) -> None:
    """Store the secret of ADDR, from stdin or from a prompt.

    iac stores it only if the token endpoint accepts it for this client. Use it for an adopted client of IAM 1.14 or
    newer, which never shows secrets. Then run `iac apply`: it renders the outputs that waited for the secret. Needs the
    scope iam:admin.read, and no age identity.
    """
    _store(context, {address: _given(address, others, "secret")}, view)


@command.command(
    "import",
    short_help="Store the secrets of a file.",
    page="how-to/take-over-a-client.md",
    examples=(Example("Store many secrets, then remove the file", "iac secret import secrets.env\nrm secrets.env"),),
)
@click.argument("file", metavar="FILE")
@FORMAT
@click.pass_obj
def import_secrets(context: CommandContext, *, file: str, view: str) -> None:
    """Store the secrets of FILE: lines ADDR=secret, or a JSON object of address to secret. `-` is stdin.

    iac tests each secret at the token endpoint, and stores all or none.
    """
    from iac.workflow.secrets import parse_secrets  # not needed by --help

    _store(context, parse_secrets(decoded(read_given(context, file), file), file), view)
    if file != "-":
        context.note(f"remove {file}, which has the secrets in clear")


@command.command(
    "token",
    short_help="Store the registration access token of one client.",
    page="how-to/self-service.md",
    examples=(Example("Store a token from a file", "iac secret token portal < portal.token"),),
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@click.argument("others", metavar=" ", nargs=-1)
@click.option(
    "--uri",
    default="",
    metavar="URI",
    help="The registration_client_uri of the client. rfc7591 needs it for a new client.",
)
@FORMAT
@click.pass_obj
def set_token(context: CommandContext, *, address: str, others: tuple[str, ...], uri: str, view: str) -> None:
    """Store the registration access token of ADDR, from stdin or from a prompt.

    iac stores the token only if it reads the client with it. The token replaces one that has expired. For an address
    that is not in state, iac takes the client over; the definition must contain its client_id. For the providers
    iam-self-service and rfc7591.
    """
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import store_token

    token = _given(address, others, "token")
    with open_session(context, Access.READ) as session:
        client = store_token(session, address, token, uri)
    value = {"address": address, "client_id": client.client_id}
    show(view, value, [f"{address}: stored, it reaches {client.client_id}"])
    context.note("run iac plan: it says what the definition changes")


def _store(context: CommandContext, secrets: Mapping[str, Secret], view: str) -> None:
    from iac.apply.deliver import find_block_now, find_unfit
    from iac.wiring import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import store_secrets

    with open_session(context, Access.READ) as session:
        stored = store_secrets(session, secrets)
        state = session.backend.load()
        unfit = find_unfit(session, state, secrets)
        waiting = any(
            any(map(stored.get, spec.clients)) and spec.id not in unfit and not find_block_now(spec, state)
            for spec in session.desired.outputs
        )
    value = {
        "secrets": [{"address": address, "new": is_new} for address, is_new in stored.items()],
        "findings": [diagnostic.to_dict() for diagnostic in unfit.values()],
    }
    show(view, value, (f"{address}: {'stored' if is_new else 'known already'}" for address, is_new in stored.items()))
    context.note(*(line for diagnostic in unfit.values() for line in diagnostic.lines()))
    if waiting:
        context.note("run iac apply: it renders the outputs that waited for this")


def _given(address: str, others: tuple[str, ...], noun: str) -> Secret:
    """The secret or token of an address: asked for on a terminal, else from stdin."""
    if others:  # perhaps the secret: no message of click's, which would repeat it
        raise click.UsageError(f"give one ADDR, and the {noun} on stdin: others can read what is on a command line")
    return ask_secret(f"{noun} of {address}", noun)
