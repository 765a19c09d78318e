"""Options and shows that several commands share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from iac.cli.shell import Shell
    from iac.core.plan import Plan

FORMAT = click.option(
    "--format", "view", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)


def show_plan(shell: Shell, plan: Plan, view: str) -> None:
    """Print a plan on stdout."""
    from iac.views.text import plan_text  # noqa: PLC0415

    if view == "json":
        show_json(plan.to_dict())
    else:
        click.echo(plan_text(plan, color=shell.wants_color()), nl=False, color=True)


def json_text(value: Any) -> str:
    """A JSON value as lines of ASCII: what a terminal or an eye could be fooled by is escaped."""
    return json.dumps(value, indent=2) + "\n"


def show_json(value: Any) -> None:
    """Print a JSON value on stdout."""
    click.echo(json_text(value), nl=False)
