"""`iac validate`: check definitions, offline and without credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from iac.cli.format import show_json
from iac.core.diagnostics import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from iac.cli.shell import Shell
    from iac.config.definitions import Validation
    from iac.core.diagnostics import Diagnostic


@click.command("validate", short_help="check definitions, offline")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--format",
    "view",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How to print; github: annotations of a pull request.",
)
@click.pass_obj
def command(shell: Shell, *, paths: tuple[str, ...], view: str) -> int:
    """Check iac.yaml, all definitions and templates, for every environment: schema, rules, what files say together.

    With PATHs only mistakes in these files and folders are shown; with --env one environment is checked. Exit 0 or 1.
    """
    from iac.validation import validate  # noqa: PLC0415

    inside = [_relative(shell.root, path) for path in paths]
    validation = validate(shell.root, inside, shell.environment)
    if view == "json":
        show_json(_as_json(validation))
    elif view == "github":
        for diagnostic in validation.diagnostics:
            click.echo(_annotation(diagnostic, shell.directory))
    else:
        _show_text(shell, validation)
    return 0 if validation.is_valid else 1


def _relative(root: Path, path: str) -> str:
    """A path of the command line as diagnostics name files."""
    target = root / path
    if not target.exists():
        raise click.UsageError(f"{path}: no such file or folder in the project")
    inside = os.path.relpath(target.absolute(), root.absolute())
    if inside.startswith(".."):
        raise click.UsageError(f"{path}: lies outside the project")
    return inside


def _as_json(validation: Validation) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "valid": validation.is_valid,
        "definitions": validation.definitions,
        "environments": list(validation.environments),
        "diagnostics": [diagnostic.to_dict() for diagnostic in validation.diagnostics],
    }


def _annotation(diagnostic: Diagnostic, directory: str) -> str:
    """A workflow command of GitHub Actions; what is special there is escaped."""
    text = _escaped("\n".join(part for part in (diagnostic.summary, diagnostic.why, _fix(diagnostic)) if part))
    place = diagnostic.location
    if place is None:
        return f"::{diagnostic.severity} title={diagnostic.id}::{text}"
    file = _escaped_value(os.path.normpath(f"{directory}/{place.file}"))
    return f"::{diagnostic.severity} file={file},line={place.line},col={place.column},title={diagnostic.id}::{text}"


def _fix(diagnostic: Diagnostic) -> str:
    return f"fix: {diagnostic.fix}" if diagnostic.fix else ""


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_value(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _show_text(shell: Shell, validation: Validation) -> None:
    for diagnostic in validation.diagnostics:
        if diagnostic.severity is Severity.ERROR or not shell.quiet:
            for line in diagnostic.lines():
                click.echo(line)
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in validation.diagnostics)
    warnings = len(validation.diagnostics) - errors
    counted = f"{_count(validation.definitions, 'definition')}, {_count(len(validation.environments), 'environment')}"
    found = [_count(errors, "mistake")] if errors else ["valid"]
    click.echo(f"{counted}: {', '.join(found + ([_count(warnings, 'warning')] if warnings else []))}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
