"""`--report FORMAT=FILE`: one plan in several views, each file whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from iac.cli.context import Shell
from iac.core.errors import InputError, RenderError
from iac.views.kind import PlanView

_STDOUT = "-"
_NAMES = ", ".join(PlanView)


@dataclass(frozen=True, slots=True)
class ReportFile:
    """Where one view goes; the name `-` is stdout."""

    view: PlanView
    name: str

    @property
    def is_stdout(self) -> bool:
        """Whether it is printed."""
        return self.name == _STDOUT


class _ReportType(click.ParamType[ReportFile]):
    name = "report"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ReportFile:
        view, _, file = value.partition("=")
        if view not in set(PlanView) or not file:
            self.fail(f"{value}: write FORMAT=FILE, FORMAT being one of {_NAMES}", param, ctx)
        report = ReportFile(PlanView(view), file)
        if report.is_stdout and report.view is not PlanView.GITHUB:
            self.fail(f"{value}: only github goes to stdout beside the plan; for others name a file", param, ctx)
        return report


REPORT = click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    type=_ReportType(),
    multiple=True,
    help=f"Write the plan to FILE, too; repeatable. FORMAT is one of {_NAMES}.",
)


def check_place(shell: Shell, file: str, option: str) -> None:
    """See that a file can be written, before anything else is done.

    Raises:
        InputError: it cannot.
    """
    from iac.sinks.file.sink import FileSink

    path = _path(shell, file, option)
    try:
        FileSink(path.parent).check(path.name, b"")
    except RenderError as error:
        raise _unwritten(file, error.why, option) from error


def write_whole(shell: Shell, file: str, text: str, option: str) -> None:
    """Write a file at once: readers see what was there, or all of the text.

    Raises:
        InputError: it cannot be written.
    """
    from iac.sinks.file.sink import FileSink

    path = _path(shell, file, option)
    try:
        FileSink(path.parent).write(path.name, text.encode(), mode=0o644)
    except RenderError as error:
        raise _unwritten(file, error.why, option) from error


def _path(shell: Shell, file: str, option: str) -> Path:
    from iac.ports.path import path_inside, path_over  # with its only use

    path = shell.path(file)
    if not path.parent.is_dir():
        raise _unwritten(file, "there is no such folder", option)
    if over := path_over(f"{path_inside(shell.root, path.parent)}/{path.name}"):
        raise _unwritten(file, f"it would be written over what iac, git or a forge reads ({over})", option)
    return path


def _unwritten(file: str, why: str, option: str) -> InputError:
    return InputError("the plan cannot be saved", where=file, why=why, fix=f"name another file: {option}")
