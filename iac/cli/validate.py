"""`iac validate`: check definitions, offline and without credentials."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from iac.cli.context import CommandContext, known_ids
from iac.cli.environments import run_each, show_sections
from iac.cli.options import SETTINGS_FROM, Example, Subcommand, format_option
from iac.core.errors import Diagnostic, Severity
from iac.views.kind import DiagnosticsView, ViewSettings, render_diagnostics
from iac.views.words import counted

if TYPE_CHECKING:
    from iac.config.definitions import Validation


@click.command(
    "validate",
    cls=Subcommand,
    page="reference/policy.md",
    examples=(
        Example("Check everything", "iac validate"),
        Example("Annotate a pull request on GitHub", "iac validate --format github"),
    ),
    exits={0: "No errors; there may be warnings.", 1: "There are errors."},
)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@SETTINGS_FROM
@format_option(
    "text",
    "json",
    *map(str, DiagnosticsView),
    about="How to print. github: annotations; gitlab: code quality; sarif: code scanning; junit: test report.",
)
@click.pass_obj
def command(context: CommandContext, *, paths: tuple[str, ...], view: str, base: str | None) -> int:
    """Check iac.yaml, all definitions, templates and policy, in every environment. Needs no network.

    With PATH, iac shows only messages about these files and folders. With --env, it checks one environment.
    """
    from iac.workflow.validate import validate

    inside = [_relative(context, path) for path in paths]
    based = context.with_base(base).with_progress()
    if view in set(DiagnosticsView):
        # For these the messages of all environments are one list, each once.
        validation = validate(context.root, inside, None if context.has_all else context.environment, base=based.base)
        setting = ViewSettings(context.place, explain=known_ids)
        click.echo(render_diagnostics(validation.diagnostics, DiagnosticsView(view), setting), nl=False)
        return _code_of(validation)
    sections = run_each(based, lambda one: validate(one.root, inside, one.environment, base=one.base), _code_of)
    return show_sections(
        context,
        sections,
        view,
        value=lambda validation: {
            "format_version": "1.0",
            "valid": validation.is_valid,
            "definitions": validation.definitions,
            "environments": list(validation.environments),
            "diagnostics": [_told(diagnostic) for diagnostic in validation.diagnostics],
        },
        text=lambda run, found: _text(run, found, inside),
    )


def _code_of(validation: Validation) -> int:
    return 0 if validation.is_valid else 1


def _relative(context: CommandContext, path: str) -> str:
    """A path of the command line as diagnostics name files."""
    if not context.path(path).exists():
        raise click.UsageError(f"{path}: no such file or folder in the project")
    inside = context.inside(path)
    if inside.startswith(".."):
        raise click.UsageError(f"{path}: lies outside the project")
    return inside


def _told(diagnostic: Diagnostic) -> dict[str, object]:
    place = diagnostic.location
    flat = place.to_dict() if place else dict.fromkeys(("file", "line", "column"))
    return {**diagnostic.to_dict(), **flat}


def _text(context: CommandContext, validation: Validation, inside: list[str]) -> str:
    shown = (one for one in validation.diagnostics if one.severity is Severity.ERROR or not context.quiet)
    page = context.layout()
    lines = [*page.messages(shown)]
    counts = Counter(diagnostic.severity for diagnostic in validation.diagnostics)
    errors, warnings, waived = (counts[severity] for severity in Severity)
    what = f"{counted(validation.definitions, 'definition')}, {counted(len(validation.environments), 'environment')}"
    verdict = [counted(errors, "mistake") if errors else f"valid in {', '.join(inside)}" if inside else "valid"]
    verdict += [counted(warnings, "warning")] if warnings else []
    summary = f"{what}: {', '.join(verdict + ([f'{waived} waived'] if waived else []))}"
    return "".join(f"{line}\n" for line in (*lines, page.line(summary, "bold")))
