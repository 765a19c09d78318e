"""What every command gets: the global options, stdin and the terminal, and the files that options name.

Environment variables:
    IAC_ISSUER: The only issuer that gets credentials, whatever iac.yaml says; of several environments dev=URL prod=URL.
    IAC_CLIENT_ID, IAC_CLIENT_SECRET: The login, as `iac init` writes it to `auth:` of iac.yaml.
    IAC_AGE_IDENTITY: The age identity, as `iac init` writes it to `state.encryption.identity`.
    IAC_AUTH_FILE: The file with your own logins. Default: `~/.config/iac/auth.yaml`. Empty: none.
    NO_COLOR: Print without colour. Overrides `FORCE_COLOR`.
    FORCE_COLOR: Print in colour without a terminal, as in a pipeline's log.
    COLUMNS: Width of the terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec import Struct
from msgspec.structs import replace

from iac.cli.call import call_of
from iac.cli.progress import ShownProgress, tell_nothing
from iac.core.errors import DeclinedError, InputError, RenderError
from iac.core.explanation import Explanation
from iac.core.plan.plan import Plan
from iac.core.secret import Secret
from iac.core.text import printable
from iac.files import read
from iac.ports import StateBackend
from iac.ports.path import PROJECT_FILE, path_inside, path_over
from iac.ports.progress import SILENT, Progress
from iac.sinks.file.sink import FileSink
from iac.views.layout import TextLayout
from iac.views.text import plan_text
from iac.views.words import json_text


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody sits at it; a closed stream is None."""
    return stream is not None and stream.isatty()


def layout_of(stream: TextIO | None, *, no_color: bool = False) -> TextLayout:
    """How text is shown on stdout or stderr: in colours and folded at its width where it is a terminal.

    NO_COLOR and --no-color switch colours off; FORCE_COLOR switches them on where there is no terminal, as in CI.
    """
    is_wanted = is_terminal(stream) or bool(os.environ.get("FORCE_COLOR"))
    is_refused = no_color or bool(os.environ.get("NO_COLOR"))
    width = shutil.get_terminal_size().columns if is_terminal(stream) else None
    return TextLayout(color=is_wanted and not is_refused, width=width)


def read_stdin() -> bytes:
    """All of stdin.

    Raises:
        InputError: it is closed.
    """
    if sys.stdin is None:
        raise InputError("stdin is closed", fix="provide the content on stdin")
    return sys.stdin.buffer.read()  # limit: whoever writes to it, as for every filter


def read_given(context: CommandContext, file: str) -> bytes:
    """The content of a file that an argument names; - is stdin.

    Raises:
        InputError: it cannot be read.
    """
    if file == "-":
        return read_stdin()
    try:
        return read(context.path(file))
    except OSError as error:
        raise InputError(
            "the file cannot be read", where=file, why=str(error.strerror), fix="name a file that you can read"
        ) from error


def decoded(data: bytes, name: str) -> str:
    """Secrets as text.

    Raises:
        InputError: they are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass  # the error is raised outside, for this exception carries the bytes
    raise InputError("the secrets are not text", where=name, fix="write them in UTF-8")


def ask_secret(prompt: str, what: str = "secret") -> Secret:
    """One secret or token: asked for on a terminal, which does not show it, else from stdin.

    Raises:
        InputError: it is none.
    """
    from iac.workflow.secrets import parse_secret  # not needed by --help

    if is_terminal(sys.stdin):
        # limit: the person at the terminal
        return parse_secret(click.prompt(prompt, hide_input=True, err=True), what)
    return parse_secret(decoded(read_stdin(), "stdin"), what)


def check_terminal(ways: str) -> None:
    """See that somebody is there to ask.

    Raises:
        click.UsageError: nobody is; `ways` approve without a question.
    """
    if not is_terminal(sys.stdin):
        raise click.UsageError(f"not on a terminal: give {ways}")


def approve(question: str, cancelled: str) -> None:
    """Ask the person at the terminal.

    Raises:
        DeclinedError: the answer is no; `cancelled` says what that means.
    """
    # limit: the person at the terminal; a lock that is held meanwhile names them and ends with the process
    if not click.confirm(question, err=True):
        raise DeclinedError(cancelled)


def find_project(start: Path) -> Path:
    """The folder of the closest iac.yaml: here, or above, up to the top of the repository; `start` for none.

    One above that belongs to another user is passed: who writes it decides where credentials go, and somebody may have
    put it into a folder that all can write to.
    """
    if os.path.lexists(start / PROJECT_FILE):
        return start
    folder = start.resolve()
    while not (folder / ".git").exists() and folder != folder.parent:
        folder = folder.parent
        file = folder / PROJECT_FILE
        if file.is_file() and file.stat().st_uid == os.geteuid():
            return folder
    return start


class CommandContext(Struct, frozen=True):
    """The global options of one call, and the iac.yaml that settings are taken from, if it is not the project's."""

    directory: str = "."
    environments: tuple[str, ...] = ()
    has_all: bool = False
    no_color: bool = False
    quiet: bool = False
    verbose: int = 0
    base: Path | None = None
    progress: Progress = SILENT
    label: str = ""

    @property
    def is_many(self) -> bool:
        """Whether the command line asks for several environments, or for all there are."""
        return self.has_all or len(self.environments) > 1

    def for_one(self, environment: str) -> CommandContext:
        """The same for one of several environments: what it notes names it."""
        return replace(self, environments=(environment,), has_all=False, label=f"{environment}: ")

    @property
    def environment(self) -> str | None:
        """The environment that --env names; None for the only one there is.

        Raises:
            click.UsageError: it names several, and the command works on one.
        """
        if self.is_many:
            raise click.UsageError("this command works on one environment: give --env once")
        return self.environments[0] if self.environments else None

    @property
    def start(self) -> Path:
        """The folder that iac was started in, or that -C names.

        Raises:
            click.UsageError: -C names no directory.
        """
        start = Path(self.directory)
        if not start.is_dir():
            raise click.UsageError(f"-C {self.directory}: no such directory")
        return start

    @property
    def root(self) -> Path:
        """The project's folder: that of the closest iac.yaml, here or above; where there is none, this one.

        Raises:
            click.UsageError: -C names no directory.
        """
        return find_project(self.start)

    @property
    def place(self) -> str:
        """The project's folder as it is seen from the top of the repository."""
        from iac.git import find_work_tree  # not needed by --help

        root = self.root
        return self.directory if root == self.start else os.path.relpath(root, find_work_tree(root) or root)

    def path(self, name: str) -> Path:
        """A file that an option or argument names: relative to the folder that iac was started in."""
        return self.start / name

    def inside(self, name: str) -> str:
        """The same as messages name files: relative to the project's folder."""
        return os.path.relpath(self.path(name).absolute(), self.root.absolute())

    def with_base(self, name: str | None) -> CommandContext:
        """The same, with settings from this iac.yaml; None for the project's own."""
        return self if name is None else replace(self, base=self.path(name))

    def layout(self) -> TextLayout:
        """How text is shown on stdout."""
        return layout_of(sys.stdout, no_color=self.no_color)

    def width(self) -> int | None:
        """The width of the terminal that stdout is (COLUMNS, else what it says of itself); None when it is none."""
        return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None

    def with_progress(
        self, view: str = "text", tell: Callable[[object], tuple[str, bool]] = tell_nothing
    ) -> CommandContext:
        """The same, with somebody who is told how far the run is.

        Args:
            view: how the result is printed; where stdout carries a document, what has ended is told on stderr.
            tell: what is printed of a result, "" for nothing, and whether it has failed.
        """
        is_live = (
            is_terminal(sys.stderr) and not (self.quiet or self.verbose) and os.environ.get("TERM", "dumb") != "dumb"
        )
        return replace(self, progress=ShownProgress(tell, view != "text", is_live, self.quiet))

    def can_ask(self) -> bool:
        """Whether somebody sits at stderr to read what is said there."""
        return is_terminal(sys.stderr)

    def say(self, text: str) -> None:
        """Say something on stderr that has to be read, -q or not."""
        with self.progress.aside():
            click.echo(text, err=True)

    def advise(self, line: str) -> None:
        """Say the next step to somebody at a terminal; a log has no use for it."""
        if self.can_ask():
            self.note(line)

    def note(self, *lines: str) -> None:
        """Say something on stderr, unless -q; text of others in it is inert."""
        page = layout_of(sys.stderr)
        with self.progress.aside():
            for line in () if self.quiet else lines:
                click.echo(page.line(printable(f"{self.label}{line}")), err=True)


def check_place(context: CommandContext, file: str, option: str) -> None:
    """See that a file can be written, before anything else is done.

    Raises:
        InputError: it cannot.
    """
    with _sink(context, file, option) as (sink, name):
        sink.check(name, b"")


def write_whole(context: CommandContext, file: str, text: str, option: str) -> None:
    """Write a file at once: readers see what was there, or all of the text.

    Raises:
        InputError: it cannot be written.
    """
    with _sink(context, file, option) as (sink, name):
        sink.write(name, text.encode(), mode=0o644)


@contextmanager
def _sink(context: CommandContext, file: str, option: str) -> Iterator[tuple[FileSink, str]]:
    """The folder of a file that an option names, and its name there; what goes wrong is a mistake in the option."""

    def refusal(why: str) -> InputError:
        return InputError("the file cannot be written", where=file, why=why, fix=f"name another file: {option}")

    path = context.path(file)
    if not path.parent.is_dir():
        raise refusal("there is no such folder")
    if over := path_over(f"{path_inside(context.root, path.parent)}/{path.name}"):
        raise refusal(f"it would be written over what iac, git or a forge reads ({over})")
    try:
        yield FileSink(path.parent), path.name
    except RenderError as error:
        raise refusal(error.why) from error


def plan_shown(context: CommandContext, plan: Plan) -> str:
    """A plan as text for stdout."""
    return plan_text(plan, color=context.layout().color, width=context.width(), is_full=bool(context.verbose))


def note_run(context: CommandContext, backend: StateBackend) -> None:
    """Say that another run is changing the server."""
    holder = backend.holder()
    if holder is not None:
        died = "" if backend.ends_with_process else f" - if that run has died, run: iac state unlock {holder.run_id}"
        context.note(
            f"{holder.who} has locked the state since {holder.since}:"
            f" what is called interrupted may be what it does now{died}"
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
    page = layout_of(sys.stdout)
    for line in lines:
        click.echo(page.line(printable(line)))


def show_json(value: Any) -> None:
    """Print a JSON value on stdout."""
    context = click.get_current_context(silent=True)
    if context is not None:
        call = call_of(context)
        if call.sections is not None:
            call.sections.append(value)
            return
        call.has_shown = True
    click.echo(json_text(value), nl=False)
