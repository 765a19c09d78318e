"""`iac whoami`: who the token is, what it may do, which server and flavour this is."""

from __future__ import annotations

from typing import Any

import click

from iac.cli.context import CommandContext, show
from iac.cli.options import FORMAT, Example, Subcommand
from iac.ports.path import PROJECT_FILE


@click.command(
    "whoami",
    cls=Subcommand,
    page="how-to/log-in.md",
    examples=(
        Example("Check the login", "iac whoami"),
        Example("Get the scopes in a script", "iac whoami --format json"),
    ),
    exits={6: "The server cannot be reached, or refuses the login."},
)
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, view: str) -> None:
    """Log in, and show your login, its scopes, and the server's version.

    `auth` names the file that says how you log in: iac.yaml, or your own.
    """
    from iac.wiring import Access, open_server  # brings in the adapters

    with open_server(context, Access.ALL) as (settings, provider):
        identity = provider.identify()
        actual = provider.read([])
    scopes = None if identity.scopes is None else sorted(identity.scopes)
    answer: dict[str, Any] = {
        "issuer": identity.issuer,
        "login": identity.login,
        "subject": identity.subject,
        "scopes": scopes,
        "expires": f"{identity.expires:%Y-%m-%dT%H:%M:%SZ}" if identity.expires else None,
        "environment": settings.environment,
        "flavour": actual.facts.flavour,
        "shows_secrets": actual.facts.shows_secrets,
        "clients": actual.total,
        "auth": settings.auth_file or PROJECT_FILE,
    }
    words = {
        **answer,
        "shows_secrets": "yes" if answer["shows_secrets"] else "no",
        "scopes": " ".join(scopes) if scopes is not None else "not named by the token",
        "expires": answer["expires"] or "not named by the token",
    }
    show(view, answer, (f"{name:<14} {value}" for name, value in words.items()))
