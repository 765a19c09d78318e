"""`iac fmt`: canonical order and style of iac.yaml and the definitions, comments kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from iac.cli.context import CommandContext
from iac.cli.options import Example, Subcommand
from iac.config.tree import is_defaults, read_tree
from iac.core.errors import Diagnostic, InvalidInput, Severity
from iac.ports.path import CLIENTS_DIR, PROJECT_FILE
from iac.views.words import counted


@click.command(
    "fmt",
    cls=Subcommand,
    page="reference/definition.md",
    examples=(
        Example("Format all files", "iac fmt"),
        Example("Check in CI that files are formatted", "iac fmt --check"),
    ),
    exits={2: "With --check: files would change."},
)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing. Print files that would change.")
@click.pass_obj
def command(context: CommandContext, *, paths: tuple[str, ...], check: bool) -> int:
    """Format iac.yaml and the definitions, or the given files and folders.

    iac puts keys into canonical order, keeps comments, and adds the line by which editors find the schema. Values never
    change. A file with a YAML error stays as it is.
    """
    from iac.config.edit.files import replace_text

    root = context.root
    mistakes: list[Diagnostic] = []
    changed = 0
    for file in _files(context, paths, mistakes):
        text = _formatted(root, file, mistakes)
        if text is not None:
            changed += 1
            click.echo(file)
            if not check:
                replace_text(root / file, text)
    verb = "would change" if check else "written"
    context.note(f"{counted(changed, 'file')} {verb}" if changed else "nothing to change")
    if mistakes:
        raise InvalidInput(mistakes)
    return 2 if check and changed else 0


def _files(context: CommandContext, paths: tuple[str, ...], mistakes: list[Diagnostic]) -> Iterator[str]:
    from iac.config.project import load_project

    root = context.root
    if not (root / PROJECT_FILE).is_file():
        load_project(root)  # says what is wrong with it
    tree = read_tree(root)
    known = [PROJECT_FILE, *sorted([*tree.definitions.values(), *tree.defaults.values()])]
    if not paths:
        errors = (diagnostic for diagnostic in tree.diagnostics if diagnostic.severity is Severity.ERROR)
        mistakes += [error for error in errors if error.id != "no-definitions"]
        yield from known
    for path in paths:
        inside = context.inside(path)
        chosen = [file for file in known if inside in {file, "."} or file.startswith(f"{inside}/")]
        if not chosen:
            raise click.UsageError(f"{path}: neither {PROJECT_FILE} nor a definition in {CLIENTS_DIR}")
        yield from chosen


def _formatted(root: Path, file: str, mistakes: list[Diagnostic]) -> str | None:
    """The file's new text; None when it stays as it is."""
    from iac.config.edit.format import format_text, schema_address
    from iac.document import read_document

    document, diagnostics = read_document(root, file)
    mistakes += diagnostics
    if document is None or diagnostics:
        return None
    text = (root / file).read_bytes().decode()
    if is_defaults(file):
        formatted = format_text(document, text, "defaults", "")
    else:
        schema = "project" if file == PROJECT_FILE else "client"
        formatted = format_text(document, text, schema, schema_address(root, file, schema))
    return None if formatted == text else formatted
