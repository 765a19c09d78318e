"""`iac explain`: what an id of a diagnostic, a finding, a guard or a rule means."""

from __future__ import annotations

import click

from iac.cli.context import CommandContext, show
from iac.cli.options import FORMAT, Example, Subcommand, complete_ids


@click.command(
    "explain",
    cls=Subcommand,
    page="reference/diagnostics.md",
    examples=(
        Example("Explain a message that ends in [http-redirect-uri]", "iac explain http-redirect-uri"),
        Example("List all ids", "iac explain --list"),
    ),
    exits={1: "No message has this id."},
)
@click.argument("name", metavar="[ID]", default="", shell_complete=complete_ids)
@click.option("--list", "is_list", is_flag=True, help="List all ids.")
@FORMAT
@click.pass_obj
def command(context: CommandContext, *, name: str, is_list: bool, view: str) -> None:
    """Explain the id in brackets at the end of a message: what it means, why it matters, and how to fix it.

    For policy it also shows the severity in this project, examples, and how to waive the rule. Needs no project and no
    network.
    """
    from iac.views.explanation import explanation_text
    from iac.workflow.explain import explain, explanations  # reads every table of ids

    if bool(name) == is_list:
        raise click.UsageError("give an ID, or --list")
    if is_list:
        known = explanations().values()
        width = max(len(entry.id) for entry in known)
        lines = (
            f"{entry.id:<{width}}  {entry.kind}{f', {entry.level}' if entry.is_adjustable else ''}" for entry in known
        )
        show(view, [{"id": entry.id, "kind": str(entry.kind), "level": entry.level} for entry in known], lines)
        return
    explanation = explain(name, context.root)
    show(view, explanation.to_dict(), explanation_text(explanation, context.width()).splitlines())
