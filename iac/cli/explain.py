"""`iac explain`: what an id of a diagnostic, a finding, a guard or a rule means."""

from __future__ import annotations

from collections.abc import Mapping

import click

from iac.cli.context import Shell
from iac.cli.format import FORMAT, show
from iac.core.explanation import Explanation


@click.command("explain", short_help="what an id means")
@click.argument("name", metavar="[ID]", default="")
@click.option("--list", "is_list", is_flag=True, help="Name all ids, and what each is.")
@FORMAT
@click.pass_obj
def command(shell: Shell, *, name: str, is_list: bool, view: str) -> int:
    """Say what an id in brackets means, why it matters, where that is from, and how to go on.

    For policy also how serious it is in this project, with examples, and how to switch it off or waive it. Exit 1 for
    an id that there is not.
    """
    from iac.views.explanation import explanation_text
    from iac.workflow.explain import explain, explanations  # reads every table of ids

    if bool(name) == is_list:
        raise click.UsageError("give an ID, or --list")
    if is_list:
        _show_list(explanations(), view)
        return 0
    explanation = explain(name, shell.root)
    show(view, explanation.to_dict(), explanation_text(explanation).splitlines())
    return 0


def _show_list(known: Mapping[str, Explanation], view: str) -> None:
    width = max(map(len, known))
    show(
        view,
        [{"id": entry.id, "kind": str(entry.kind), "level": entry.level} for entry in known.values()],
        (
            f"{entry.id:<{width}}  {entry.kind}{f', {entry.level}' if entry.is_adjustable else ''}"
            for entry in known.values()
        ),
    )
