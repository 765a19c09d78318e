"""Options and shows that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from iac.cli.context import CommandContext
from iac.cli.options import Choice, call_of
from iac.core.explanation import Explanation
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.ports import Holder

F = TypeVar("F", bound=Callable[..., Any])


def format_option(*views: str, about: str = "How to print.") -> Callable[[F], F]:
    """The option `--format`; the first view is the default."""
    return click.option("--format", "view", type=Choice(views), default=views[0], show_default=True, help=about)


FORMAT = format_option("text", "json")

SETTINGS_FROM = click.option(
    "--settings-from",
    "base",
    metavar="FILE",
    default=None,
    help="Take settings from another iac.yaml, such as the target branch's, and report differences.",
)


def show_plan(context: CommandContext, plan: Plan, view: str) -> None:
    """Print a plan on stdout."""
    from iac.views.text import plan_text

    if view == "json":
        show_json(plan.to_dict())
    else:
        text = plan_text(plan, color=context.wants_color(), width=context.width(), is_full=bool(context.verbose))
        click.echo(text, nl=False, color=True)


def note_run(context: CommandContext, holder: Holder | None) -> None:
    """Say that another run is changing the server."""
    if holder is not None:
        context.note(
            f"{holder.who} has locked the state since {holder.since}"
            f" - if that run has died, run: iac state unlock {holder.run_id}"
        )


def known_ids() -> Mapping[str, Explanation]:
    """What is known of ids, for views that explain them."""
    from iac.workflow.explain import explanations  # reads every table of ids

    return explanations()


def show(view: str, value: Any, lines: Iterable[str]) -> None:
    """Print a result on stdout: a JSON value, or lines for people, in which text of others is inert."""
    if view == "json":
        show_json(value)
        return
    for line in lines:
        click.echo(printable(line))


def show_json(value: Any) -> None:
    """Print a JSON value on stdout."""
    from iac.views.words import json_text

    context = click.get_current_context(silent=True)
    if context is not None:
        call = call_of(context)
        if call.sections is not None:
            call.sections.append(value)
            return
        call.has_shown = True
    click.echo(json_text(value), nl=False)
