"""`iac state`: make, look into and mend state."""

from __future__ import annotations

import click

from iac.cli import Group

SUMMARIES = {
    "init": "make the empty state of an environment",
    "list": "the addresses in state",
    "mv": "another address for a client of state",
    "pull": "the state as one document, on stdout",
    "push": "a copy of the state becomes the state",
    "rekey": "all secrets sealed anew, to the recipients of now",
    "restore": "a deleted client made anew, with its old id and secret",
    "rm": "forget an address; the client stays on the server",
    "show": "what state holds of one address",
    "unlock": "break the lock of a run that is gone",
}


@click.group("state", cls=Group, package="iac.cli.state", summaries=SUMMARIES)
def command() -> None:
    """Make, look into and mend state. Secrets stay sealed, and but for restore no server is asked."""
