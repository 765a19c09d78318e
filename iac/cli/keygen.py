"""`iac keygen`: a key pair for a client that logs in by private_key_jwt."""

from __future__ import annotations

import json

import click

from iac.cli.context import CommandContext, check_place, show, write_whole
from iac.cli.options import FORMAT, Choice, Example, Subcommand, complete_addresses
from iac.core.errors import InputError
from iac.core.state.model import ClientKey
from iac.core.text import listed
from iac.session import LocalSession

_FILE = "--jwks FILE"


@click.command(
    "keygen",
    cls=Subcommand,
    page="how-to/log-in-by-key.md",
    examples=(
        Example(
            "Make a key, register it, and drop the old one", "iac keygen robot\niac apply\niac keygen robot --drop-old"
        ),
        Example("Write the public keys to a file, for a client with jwks_uri", "iac keygen hosted --jwks jwks.json"),
    ),
)
@click.argument("address", metavar="ADDR", shell_complete=complete_addresses)
@click.option("--jwks", "file", metavar="FILE", help="Write the public keys to FILE, for a client with jwks_uri.")
@click.option("--drop-old", "is_dropping", is_flag=True, help="Make no key. Drop all keys but the newest.")
@click.option(
    "--type",
    "kind",
    type=Choice(["ES256", "RS256"]),
    default="ES256",
    show_default=True,
    help="Signature algorithm: ES256 (curve P-256) or RS256 (RSA).",
)
@click.option("--bits", type=Choice(["2048", "3072"]), default="3072", show_default=True, help="Size of an RSA key.")
@FORMAT
@click.pass_obj
def command(
    context: CommandContext, *, address: str, kind: str, bits: str, file: str | None, is_dropping: bool, view: str
) -> None:
    """Make a key pair for a client that logs in by private_key_jwt.

    iac encrypts the private key in state; templates read it as client.private_key. It writes the public keys into the
    definition as `jwk`. Then run `iac apply`: services get the newest key that the server knows. The old key stays
    valid until you drop it. Needs the extra jose, and no server.
    """
    from iac.wiring import open_local  # brings in the adapters
    from iac.workflow.keys import add_key, drop_old_keys

    session = open_local(context)
    # Before a key is made: state would keep one that nothing publishes.
    place = _place(context, session, address, file)
    keys = drop_old_keys(session, address) if is_dropping else add_key(session, address, kind, int(bits))
    _publish(context, session, address, keys, file)
    kids = [key.kid for key in keys]
    show(view, {"kids": kids, "file": place}, [f"{place} has the public half of: {listed(kids)}"])
    context.note("run iac apply: services get the newest key that the server knows")


def _place(context: CommandContext, session: LocalSession, address: str, file: str | None) -> str:
    """Where the public keys go, before anything is made.

    Raises:
        InputError: the file cannot be written, or the definition says that the server fetches keys elsewhere.
    """
    session.options([address])
    client = session.desired.clients.get(address)
    if client is None:
        raise InputError("this address leaves the project", where=address, fix="keys are for clients that stay")
    if file is not None:
        check_place(context, file, _FILE)
        return file
    if "jwks_uri" in client.fields:
        raise InputError(
            "the definition has jwks_uri, so the server reads keys there",
            where=f"{client.location}",
            fix="give --jwks FILE, and publish it there; or take jwks_uri out",
        )
    return client.location.file


def _publish(
    context: CommandContext, session: LocalSession, address: str, keys: tuple[ClientKey, ...], file: str | None
) -> None:
    from iac.config.edit.splice import make_edit, read_sources, write_edits
    from iac.core.state.model import key_set

    text = key_set(keys)
    if file is not None:
        write_whole(context, file, json.dumps(json.loads(text), indent=2) + "\n", _FILE)
        return
    source = read_sources(context.root, [address])[address]
    write_edits(
        context.root,
        [
            make_edit(
                source, session.desired.environment, {"token_endpoint_auth_method": "private_key_jwt", "jwk": text}
            )
        ],
    )
