"""Several environments by one command: side by side, one section each, and the worst exit code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.cli import INTERRUPTED
from iac.cli.call import call_of
from iac.cli.context import CommandContext, show_json
from iac.cli.failure import error_lines, exit_code, known_error, report
from iac.cli.progress import NestedProgress
from iac.core.errors import IacError
from iac.core.text import printable
from iac.views.words import Failures

T = TypeVar("T")

_AT_ONCE = 8
_MILD_TO_BAD = (0, 2, 3, 4, 5, 1, 6, 130)
"""Exit codes, the worst last: a difference that was found is milder than an environment that could not be looked at."""


class Section(Struct, Generic[T], frozen=True):
    """One environment: what the command found there and its exit code, or why it found nothing.

    `name` is "" for the only one.
    """

    context: CommandContext
    name: str
    result: T | None
    code: int
    error: IacError | None = None


def names_of(context: CommandContext) -> Sequence[str]:
    """The environments that are asked for, in the order given; with --all-envs in that of iac.yaml.

    Raises:
        InvalidInput: iac.yaml has mistakes.
        InputError: there is no such environment.
    """
    from iac.config.project import load_project  # not needed by --help

    project = load_project(context.root)
    for name in context.environments:
        project.settings(name)
    return tuple(project.environments) if context.has_all else context.environments


def run_each(
    context: CommandContext, work: Callable[[CommandContext], T], code_of: Callable[[T], int]
) -> list[Section[T]]:
    """Do the same for each environment, side by side; one that fails keeps no other from its section.

    Where one is asked for, what goes wrong there ends the command.
    """
    if not context.is_many:
        result = work(context)
        return [Section(context, "", result, code_of(result))]
    names = names_of(context)
    turn = threading.BoundedSemaphore(_AT_ONCE)
    ended: dict[str, Section[T]] = {}
    mistakes: list[click.ClickException] = []

    def run(name: str) -> None:
        inner = replace(context.for_one(name), progress=NestedProgress(context.progress, name))
        with turn:
            try:
                result = work(inner)
                ended[name] = Section(inner, name, result, code_of(result))
            except click.ClickException as mistake:
                mistakes.append(mistake)
            except Exception as error:
                ended[name] = Section(inner, name, None, exit_code(error), known_error(error))
        context.progress.leave(name)

    context.progress.begin(len(names), "environment")
    # Not a pool, whose threads a process waits for at its end: Ctrl-C ends at once, whatever a server does.
    threads = [threading.Thread(target=run, args=(name,), name=f"iac-{name}", daemon=True) for name in names]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # limit: that of the command in one environment
    finally:
        context.progress.end()
    if mistakes:
        raise mistakes[0]
    return [ended[name] for name in names]


def show_sections(
    context: CommandContext,
    sections: Sequence[Section[T]],
    view: str,
    *,
    value: Callable[[T], dict[str, Any]],
    text: Callable[[CommandContext, T], str],
) -> int:
    """Print one report, with a section for each of several environments; the worst exit code."""
    if view == "json":
        values = [_value(section, value) for section in sections]
        show_json({"environments": values} if context.is_many else values[0])
    else:
        page = context.layout()
        for number, section in enumerate(sections):
            if number:
                click.echo()
            if section.name and (view == "text" or section.result is None):
                click.echo(_heading(context, section.name), color=True)
            if section.result is not None:
                click.echo(text(section.context, section.result), nl=False, color=True)
            for line in error_lines(section.error):
                click.echo(page.line(line, "!" if line.startswith("error") else ""), color=True)
    return worst(section.code for section in sections)


def failures(sections: Sequence[Section[T]]) -> Failures:
    """The environments that gave no result, each with why."""
    return [(section.name, " ".join(error_lines(section.error))) for section in sections if section.result is None]


def _heading(context: CommandContext, name: str) -> str:
    return context.layout().line(printable(f"== {name} =="), "bold")


def results(sections: Sequence[Section[T]]) -> list[T]:
    """What was found, in order."""
    return [section.result for section in sections if section.result is not None]


def show_page(sections: Sequence[Section[T]], page: Callable[[Sequence[T], Failures], str]) -> int:
    """Print one page of all environments; the worst exit code."""
    click.echo(page(results(sections), failures(sections)), nl=False)
    return worst(section.code for section in sections)


def run_in_order(
    context: CommandContext, names: Sequence[str], work: Callable[[CommandContext], int], view: str, *, keep_going: bool
) -> int:
    """Do the same for one environment after the other; the first that does not end well ends it, unless `keep_going`.

    What an environment prints as JSON becomes its section of one document.
    """
    call = call_of(click.get_current_context())
    values: list[dict[str, Any]] = []
    codes: list[int] = []
    stopped = ""
    for name in names:
        value: dict[str, Any] = {"environment": name}
        values.append(value)
        if stopped:
            value["not_tried"] = f"{stopped} did not end well"
            context.note(f"{name}: not tried, because {stopped} did not end well")
            continue
        call.sections = [] if view == "json" else None
        if view != "json":
            click.echo(_heading(context, name), color=True)
        try:
            codes.append(work(context.for_one(name)))
        except click.ClickException:
            raise
        except Exception as error:
            codes.append(report(error, no_color=context.no_color, label=f"{name}: "))
            value |= error_value(name, known_error(error), codes[-1])
        for printed in call.sections or ():
            value |= printed
        if codes[-1] and (codes[-1] == INTERRUPTED or not keep_going):
            stopped = name
    call.sections = None
    if view == "json":
        show_json({"environments": values})
    return worst(codes)


def error_value(name: str, error: IacError, code: int) -> dict[str, Any]:
    """An error of one environment as JSON, as any error of a command."""
    return {"environment": name, "error": {**error.to_dict(), "exit": code}}


def _value(section: Section[T], value: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    if section.result is not None:
        return {**({"environment": section.name} if section.name else {}), **value(section.result)}
    return error_value(section.name, section.error or IacError("nothing was found"), section.code)


def worst(codes: Iterable[int]) -> int:
    """The exit code of several."""
    return max(codes, key=_MILD_TO_BAD.index, default=0)
