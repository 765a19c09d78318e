"""`iac secret`: store secrets that are known; never from the command line, where others could read them."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from iac.cli import Group
from iac.cli.context import Shell, is_terminal, read_given, read_stdin
from iac.cli.format import FORMAT, show
from iac.core.errors import InputError
from iac.core.secret import Secret


@click.group("secret", cls=Group)
def command() -> None:
    """Store secrets that are known, as of clients that were adopted from a server which shows none."""


@command.command("set", short_help="one secret, on stdin")
@click.argument("address", metavar="ADDR")
@click.argument("others", metavar=" ", nargs=-1)
@FORMAT
@click.pass_obj
def set_secret(shell: Shell, *, address: str, others: tuple[str, ...], view: str) -> int:
    """Store the secret of ADDR, read from stdin, after it was proven at the token endpoint."""
    return _store(shell, {address: _given(address, others, "secret")}, view)


@command.command("token", short_help="a registration access token, on stdin")
@click.argument("address", metavar="ADDR")
@click.argument("others", metavar=" ", nargs=-1)
@click.option("--uri", default="", metavar="URI", help="The registration_client_uri, where state has none (RFC 7592).")
@FORMAT
@click.pass_obj
def set_token(shell: Shell, *, address: str, others: tuple[str, ...], uri: str, view: str) -> int:
    """Store the registration access token of ADDR, read from stdin, after it was proven by reading the client."""
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import store_token

    token = _given(address, others, "token")
    with open_session(shell, Access.READ) as session:
        client = store_token(session, address, token, uri)
    text = f"{address}: stored, it reaches {client.client_id}"
    show(view, {"address": address, "client_id": client.client_id}, [text])
    shell.note("run iac plan: it says what the definition changes")
    return 0


@command.command("import", short_help="the secrets of a file, all or none")
@click.argument("file", metavar="FILE")
@FORMAT
@click.pass_obj
def import_secrets(shell: Shell, *, file: str, view: str) -> int:
    """Store the secrets of FILE, lines of ADDR=secret or a JSON object, after each was proven. - reads stdin.

    All are stored, or none.
    """
    from iac.workflow.secrets import parse_secrets  # not needed by --help

    code = _store(shell, parse_secrets(_decoded(read_given(shell, file), file), file), view)
    if file != "-":
        shell.note(f"remove {file}, which holds the secrets in clear")
    return code


def _store(shell: Shell, secrets: Mapping[str, Secret], view: str) -> int:
    from iac.wiring.sessions import Access, open_session  # brings in the adapters
    from iac.workflow.secrets import store_secrets

    with open_session(shell, Access.READ) as session:
        stored = store_secrets(session, secrets)
    value = {"secrets": [{"address": address, "new": is_new} for address, is_new in stored.items()]}
    show(view, value, (f"{address}: {'stored' if is_new else 'known already'}" for address, is_new in stored.items()))
    shell.note("run iac apply: it renders the outputs that waited for this")
    return 0


def _given(address: str, others: tuple[str, ...], noun: str) -> Secret:
    """The secret or token of an address: asked for on a terminal, else from stdin."""
    from iac.workflow.secrets import parse_secret  # not needed by --help

    if others:  # perhaps the secret: no message of click's, which would repeat it
        raise click.UsageError(f"give one ADDR, and the {noun} on stdin: others can read what is on a command line")
    if is_terminal(sys.stdin):
        # limit: the person at the terminal
        return parse_secret(click.prompt(f"secret of {address}", hide_input=True, err=True))
    return parse_secret(_decoded(read_stdin(), "stdin"))


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass  # the error is raised outside, for this exception carries the bytes
    raise InputError("the secrets are not text", where=name, fix="write them in UTF-8")
