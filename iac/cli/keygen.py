"""`iac keygen`: a key pair for a client that logs in by private_key_jwt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from iac.cli.context import Shell, check_place, write_whole
from iac.cli.format import FORMAT, show
from iac.core.errors import InputError
from iac.core.limits import listed
from iac.core.state.model import ClientKey

if TYPE_CHECKING:
    from iac.session import LocalSession

_FILE = "--jwks FILE"


@click.command("keygen")
@click.argument("address", metavar="ADDR")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["ES256", "RS256"]),
    default="ES256",
    show_default=True,
    help="By what it signs.",
)
@click.option("--bits", type=click.Choice(["2048", "3072"]), default="3072", show_default=True, help="Of an RS256 key.")
@click.option("--jwks", "file", metavar="FILE", help="Write the public keys to FILE, to be served as jwks_uri.")
@click.option("--drop-old", "is_dropping", is_flag=True, help="Make none, and drop all but the newest.")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, address: str, kind: str, bits: str, file: str | None, is_dropping: bool, view: str) -> int:
    """Make a key for ADDR. Its private half is sealed in state; templates reach it as client.private_key.

    The public keys go into the definition, beside token_endpoint_auth_method: private_key_jwt, or with --jwks into a
    file. Services use the new key when iac apply has registered it; the old one stays valid until --drop-old.
    """
    from iac.wiring.sessions import open_local  # brings in the adapters
    from iac.workflow.keys import KeyType, add_key, drop_old_keys, make_key

    session = open_local(shell)
    # Before a key is made: state would keep one that nothing publishes.
    place = _place(shell, session, address, file)
    if is_dropping:
        keys = drop_old_keys(session, address)
    else:
        keys = add_key(session, address, lambda: make_key(KeyType(kind), int(bits)))
    _publish(shell, session, address, keys, file)
    _tell(shell, keys, place, view)
    return 0


def _place(shell: Shell, session: LocalSession, address: str, file: str | None) -> str:
    """Where the public keys go, before anything is made.

    Raises:
        InputError: the file cannot be written, or the definition says that the server fetches keys elsewhere.
    """
    session.options([address])
    client = session.desired.clients.get(address)
    if client is None:
        raise InputError("this address leaves the project", where=address, fix="keys are for clients that stay")
    if file is not None:
        check_place(shell, file, _FILE)
        return file
    if "jwks_uri" in client.fields:
        raise InputError(
            "the definition has jwks_uri, so the server reads keys there",
            where=f"{client.location}",
            fix="give --jwks FILE, and publish it there; or take jwks_uri out",
        )
    return client.location.file


def _publish(shell: Shell, session: LocalSession, address: str, keys: tuple[ClientKey, ...], file: str | None) -> None:
    from iac.config.edit.splice import make_edit, read_sources, write_edits
    from iac.core.state.keys import key_set

    text = key_set(keys)
    if file is not None:
        write_whole(shell, file, json.dumps(json.loads(text), indent=2) + "\n", _FILE)
        return
    source = read_sources(shell.root, [address])[address]
    write_edits(
        shell.root,
        [
            make_edit(
                source, session.desired.environment, {"token_endpoint_auth_method": "private_key_jwt", "jwk": text}
            )
        ],
    )


def _tell(shell: Shell, keys: tuple[ClientKey, ...], place: str, view: str) -> None:
    kids = [key.kid for key in keys]
    show(view, {"kids": kids, "file": place}, [f"{place} has the public half of: {listed(kids)}"])
    shell.note("run iac apply: services get the newest key that the server knows")
