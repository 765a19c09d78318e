"""`iac schema`: print a JSON Schema, for editors and other tools."""

from __future__ import annotations

import click

from iac.cli.options import Choice, Example, Subcommand


@click.command(
    "schema",
    cls=Subcommand,
    page="reference/definition.md",
    examples=(
        Example("Print the schema of a plan", "iac schema plan"),
        Example(
            "Keep a copy in the project; `iac fmt` points editors to it",
            "mkdir -p schemas\niac schema client > schemas/client.schema.json",
        ),
    ),
)
@click.argument("name", type=Choice(["client", "project", "plan"]), default="client")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of a definition, of iac.yaml or of a plan, for editors and other tools."""
    from iac.config.schema import schema_text

    click.echo(schema_text(name), nl=False)
