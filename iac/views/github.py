"""Workflow commands of GitHub Actions: annotations in the files of a pull request. Pure.

Escaping is that of actions/toolkit (packages/core/src/command.ts), which actions/runner undoes.
"""

from __future__ import annotations

from collections.abc import Iterable

from iac.core.errors import Diagnostic, Severity
from iac.core.text import printable
from iac.views.words import from_root, message_parts

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.WAIVED: "notice"}


def workflow_commands(diagnostics: Iterable[Diagnostic], directory: str) -> str:
    """One line a diagnostic: `::error file=..,line=..,col=..,title=..::message`.

    Args:
        diagnostics: what is to be said, in this order; GitHub shows the first ten errors and warnings of a step.
        directory: the project's, from where the command was started; GitHub knows files from the repository's root.
    """
    return "".join(f"{_command(diagnostic, directory)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, directory: str) -> str:
    message = "%0A".join(_data(part) for part in message_parts(diagnostic, "fix"))
    title = f"title={_property(diagnostic.id)}"
    command, place = _COMMANDS[diagnostic.severity], diagnostic.location
    if place is None:
        return f"::{command} {title}::{message}"
    file = _property(from_root(directory, place.file))
    return f"::{command} file={file},line={place.line},col={place.column},{title}::{message}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
