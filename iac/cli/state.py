"""`iac state`: make, list and look into state. No server is asked, and no secret is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from iac.cli.format import FORMAT, show_json
from iac.core.errors import InputError
from iac.core.text import printable

if TYPE_CHECKING:
    from iac.cli.shell import Shell
    from iac.core.state import ClientState, State


@click.group("state")
def command() -> None:
    """Make, list and look into state."""


@command.command("init")
@click.pass_obj
def init(shell: Shell) -> int:
    """Make the empty state of an environment, and write its lineage into iac.yaml.

    Where no recipients are named an age identity is made, as by `iac init`. A state that is there is left alone.
    """
    from iac.cli.init import tell_key  # noqa: PLC0415  # not needed by list and show
    from iac.clock import SystemClock  # noqa: PLC0415
    from iac.config.project import load_project  # noqa: PLC0415
    from iac.scaffold import make_state  # noqa: PLC0415
    from iac.wiring import open_backend  # noqa: PLC0415

    settings = load_project(shell.root).settings(shell.environment)
    begun = make_state(settings, SystemClock(), open_backend)
    click.echo(printable(f"made an empty state for environment {settings.environment}, {begun.path}"))
    tell_key(shell, begun)
    shell.note(f"iac.yaml names its lineage, {begun.lineage}: commit iac.yaml")
    return 0


@command.command("list")
@FORMAT
@click.pass_obj
def list_clients(shell: Shell, *, view: str) -> int:
    """List the addresses in state with their client_id and what is known of their secret."""
    state = _load(shell)
    if view == "json":
        clients = [{"address": a, **_summary(c)} for a, c in sorted(state.clients.items())]
        pending = [{"address": i.address, "action": i.action, "at": i.at} for _, i in sorted(state.intents.items())]
        show_json({"serial": state.serial, "lineage": state.lineage, "clients": clients, "intents": pending})
        return 0
    width = max((len(address) for address in state.clients), default=0)
    for address, client in sorted(state.clients.items()):
        click.echo(printable(f"{address:<{width}}  {client.client_id}  secret {_secret_text(client)}"))
    for _, intent in sorted(state.intents.items()):
        shell.note(printable(f"{intent.address}: {intent.action} of {intent.at} was interrupted; iac plan says more"))
    if not state.clients:
        shell.note("no clients are in state yet")
    return 0


@command.command("show")
@click.argument("address", metavar="ADDR")
@FORMAT
@click.pass_obj
def show(shell: Shell, *, address: str, view: str) -> int:
    """Show what state holds of one address. Secrets are shown as "(sensitive)"."""
    state = _load(shell)
    client = state.clients.get(address)
    if client is None:
        raise InputError("this address is not in state", where=address, fix=_nearest(address, state))
    if view == "json":
        show_json({"address": address, **_detail(client)})
        return 0
    click.echo(printable(f"{address}  client_id {client.client_id}"))
    click.echo(printable(f"  secret {_secret_text(client)}"))
    for name, value in _detail(client).items():
        if name not in {"client_id", "secret", "applied"}:
            click.echo(printable(f"  {name:<32} {_shown(value)}"))
    click.echo("applied:")
    for name, value in _detail(client)["applied"].items():
        click.echo(printable(f"  {name:<32} {_shown(value)}"))
    return 0


def _load(shell: Shell) -> State:
    from iac.clock import SystemClock  # noqa: PLC0415  # not needed by --help
    from iac.config.project import load_project  # noqa: PLC0415
    from iac.wiring import open_backend  # noqa: PLC0415

    settings = load_project(shell.root).settings(shell.environment)
    return open_backend(settings, SystemClock()).load()


def _summary(client: ClientState) -> dict[str, Any]:
    secret = client.secret
    return {
        "client_id": client.client_id,
        "secret": {
            "value": "(sensitive)" if secret else None,
            "status": str(client.secret_status),
            "version": secret.version if secret else None,
            "since": secret.since if secret else None,
        },
    }


def _detail(client: ClientState) -> dict[str, Any]:
    return {
        **_summary(client),
        "provider": client.provider,
        "secret_serial": client.secret_serial,
        "prevent_destroy": client.prevent_destroy,
        "applied_at": client.applied_at,
        "owners": list(client.owners) if client.owners is not None else None,
        "declared": sorted(client.declared),
        "applied": {n: list(v) if isinstance(v, tuple) else v for n, v in sorted(client.applied.items())},
    }


def _secret_text(client: ClientState) -> str:
    secret = client.secret
    since = f" (sensitive), version {secret.version} since {secret.since}" if secret else ""
    return f"{client.secret_status}{since}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    if value is None:
        return "not declared"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(address: str, state: State) -> str:
    import difflib  # noqa: PLC0415  # only for a mistake

    close = difflib.get_close_matches(address, list(state.clients), n=1)
    return f"did you mean {close[0]}?" if close else "iac state list lists the addresses"
