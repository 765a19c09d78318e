"""`iac schema`: print a JSON Schema, for editors and other tools."""

from __future__ import annotations

import click


@click.command("schema", short_help="print a JSON schema")
@click.argument("name", type=click.Choice(["client", "project", "plan"]), default="client")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of definitions, of iac.yaml or of a plan.

    `iac fmt` points editors to a copy in schemas/ of your project when there is one, else to the published schema:
    iac schema client > schemas/client.schema.json
    """
    from iac.config.schema import schema_text

    click.echo(schema_text(name), nl=False)
