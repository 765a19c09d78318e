"""What a new project and a new state begin with: iac.yaml, the key file outside of the project, the first document."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from iac.clock import SystemClock
from iac.config.edit.files import create_text, replace_text
from iac.config.edit.project import edit_lineage
from iac.config.edit.splice import scalar_text
from iac.config.project import load_project
from iac.config.schema import load_schema
from iac.config.settings import Settings
from iac.core.errors import InputError, InvalidInput, MissingStateError, StateError, UnreachableError
from iac.core.state.model import State
from iac.core.text import reason
from iac.files import PrivateFolder
from iac.ports import StateBackend
from iac.ports.path import PROJECT_FILE
from iac.registry import BACKENDS, PROVIDERS
from iac.sealing import KeyFile, ensure_key, key_path
from iac.wiring import open_backend

DEFINITIONS = "clients.d"
IGNORED = (".iac/", "/out/")
"""What version control must not see: state, and rendered files."""

_PROJECT = """\
# yaml-language-server: $schema={schema}
# The project: which server, how iac logs in there, where it remembers what it applied.
project: {project}
issuer: {issuer}
provider: {provider}
{login}
# Secrets in state are encrypted to the recipients, which are public; the identity of one of them opens them.
state:
  backend: {backend}
  {place}
  encryption:
    identity: {{env: IAC_AGE_IDENTITY}}
    recipients:
      - {recipient}
  lineage: {lineage}
"""


class InitAnswers(Struct, frozen=True):
    """What a new project is asked for: `provider` one of `PROVIDERS`, `wheel` URL and hash."""

    project: str
    issuer: str
    provider: str
    backend: str = "file"
    wheel: str = ""


class NewState(Struct, frozen=True):
    """A state that was made. `key` is what it is encrypted to; None when its recipients were named before."""

    lineage: str
    where: str
    key: KeyFile | None


def make_project(root: Path, answers: InitAnswers, write_more: Callable[[], None]) -> NewState:
    """A new project in `root` with an empty state, and its key file outside of it; or what a killed run left of that.

    iac.yaml names the lineage, so it comes before the state, and all else before it: whatever is missing when a run is
    killed, the same answers make the rest. `write_more` writes what else belongs to the project.

    Raises:
        InvalidInput: an answer cannot be used; nothing was written.
        InputError: there is a project or a state already, or a place for one cannot be written to.
        UnreachableError: the backend is remote and cannot be reached.
    """
    clock, unfinished = SystemClock(), _find_unfinished(root, answers)
    lineage = unfinished or str(uuid.uuid4())
    wanted = replace(check_answers(answers, lineage), root=root)
    _check_places(root, answers)
    backend = open_backend(wanted, clock)
    if unfinished:
        _refuse_finished(root, backend)
    elif _has_state(backend):  # it is somebody's, whatever it is
        folder = wanted.root / ".iac"
        fix = f"mv {folder} {folder}.old" if wanted.state.place.file else "give the project another name: --project"
        raise _state_is_there(wanted, f"put the {PROJECT_FILE} of this state back, or {fix}")
    key = ensure_key(answers.project, os.environ, clock.now())
    _prepare(root)
    write_more()
    replace_text(root / PROJECT_FILE, _text(answers, lineage, key.recipient))
    settings = load_project(root).settings()
    open_backend(settings, clock).create(_empty_state(settings))
    return NewState(lineage, settings.state.place.where, key)


def make_state(settings: Settings) -> NewState:
    """The state of an environment that has none; lineage and, where none is named, a recipient go into iac.yaml.

    The lineage is in iac.yaml before the state is made: when a run is killed in between, the next one makes the state
    that iac.yaml names. A state whose lineage nothing names would be nobody's.

    Raises:
        StateError: there is a state already.
        InputError: the key file or iac.yaml cannot be written.
    """
    state, clock = settings.state, SystemClock()
    lineage = state.lineage or str(uuid.uuid4())
    named = replace(settings, state=replace(state, lineage=lineage))
    backend = open_backend(named, clock)
    if not state.lineage and _has_state(backend):
        raise _state_is_there(settings, "iac state list shows what it holds")
    needs_key = not (state.is_clear or state.recipients)
    key = ensure_key(settings.project, os.environ, clock.now()) if needs_key else None
    before = (settings.root / PROJECT_FILE).read_bytes().decode()
    if key or not state.lineage:
        edit_lineage(settings.root, settings.environment, lineage, key.recipient if key else "")
    try:
        backend.create(_empty_state(named))
    except StateError:
        if not state.lineage and _is_of_others(backend):  # somebody made one meanwhile
            replace_text(settings.root / PROJECT_FILE, before)
        raise
    return NewState(lineage, state.place.where, key)


def _find_unfinished(root: Path, answers: InitAnswers) -> str:
    """The lineage in an iac.yaml that these answers make, left by a run that was killed; "" without one.

    Raises:
        InputError: there is another iac.yaml.
    """
    path = root / PROJECT_FILE
    if not os.path.lexists(path):
        return ""
    try:
        state = load_project(root).settings().state
        text = path.read_text(encoding="utf-8")
    except InputError:
        raise _project_is_there(root) from None
    if not state.recipients or text != _text(answers, state.lineage, state.recipients[0]):
        raise _project_is_there(root)
    return state.lineage


def _refuse_finished(root: Path, backend: StateBackend) -> None:
    """A project that has its state is whole."""
    try:
        backend.load()
    except MissingStateError:
        return
    raise _project_is_there(root)


def _project_is_there(root: Path) -> InputError:
    return InputError(
        "there is a project already",
        where=str(root / PROJECT_FILE),
        fix="iac state init makes a state for it; iac -C DIR init makes a project in another folder",
    )


def _has_state(backend: StateBackend) -> bool:
    """Whether anything is in the place of the state, whatever it is."""
    try:
        backend.load()
    except StateError as error:
        return not isinstance(error, MissingStateError)
    return True


def _is_of_others(backend: StateBackend) -> bool:
    try:
        backend.load()
    except StateError as error:
        return not isinstance(error, MissingStateError)
    except UnreachableError:
        pass
    return False


def _state_is_there(settings: Settings, fix: str) -> StateError:
    return StateError("there is a state already", where=settings.state.place.where, fix=fix)


def check_answers(answers: InitAnswers, lineage: str = str(uuid.UUID(int=0))) -> Settings:
    """Hold the answers against the rules of iac.yaml, before anything is written; what they come to.

    Raises:
        InvalidInput: an answer cannot be used.
    """
    try:
        with PrivateFolder("init") as folder:
            create_text(folder.path / PROJECT_FILE, _text(answers, lineage, "ssh-ed25519 AAAA"))
            return load_project(folder.path).settings()
    except InvalidInput as invalid:
        raise InvalidInput([replace(diagnostic, location=None) for diagnostic in invalid.diagnostics]) from None
    except OSError as error:
        raise InputError(
            "the answers cannot be checked", why=str(error.strerror), fix="set TMPDIR to a folder that you may write to"
        ) from error


def _check_places(root: Path, answers: InitAnswers) -> None:
    if not os.access(root, os.W_OK):
        raise InputError("the folder cannot be written to", where=str(root), fix="choose another: iac -C DIR init")
    key = key_path(answers.project, os.environ)
    if key.is_relative_to(root.resolve()):
        raise InputError(
            "the key file would be inside the project",
            where=str(key),
            why="everybody with access to the project would get its secrets",
            fix="make the project in a folder of its own, or set XDG_CONFIG_HOME to another",
        )


def _text(answers: InitAnswers, lineage: str, recipient: str) -> str:
    text = _PROJECT.format(
        schema=load_schema("project")["$id"],
        project=scalar_text(answers.project),
        issuer=scalar_text(answers.issuer),
        provider=answers.provider,
        login=PROVIDERS[answers.provider].login,
        backend=answers.backend,
        place=BACKENDS[answers.backend].starter,
        lineage=scalar_text(lineage),
        recipient=recipient,
    )
    return f"{text}pipelines:\n  wheel: {scalar_text(answers.wheel)}\n" if answers.wheel else text


def _prepare(root: Path) -> None:
    """The folder of definitions, and .gitignore."""
    ignore = root / ".gitignore"
    try:
        (root / DEFINITIONS).mkdir(exist_ok=True)
        text = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
    except (OSError, ValueError) as error:
        raise InputError(
            "the project cannot be prepared",
            where=str(root),
            why=reason(error),
            fix="rename it, then run iac init again",
        ) from error
    if missing := [line for line in IGNORED if line not in text.splitlines()]:
        gap = "" if not text or text.endswith("\n") else "\n"
        replace_text(ignore, text + gap + "".join(f"{line}\n" for line in missing))


def _empty_state(settings: Settings) -> State:
    """An empty state, unlike any other: a remote backend tells by that whose write took effect."""
    return State(
        settings.project, settings.environment, settings.issuer, settings.state.lineage, run_id=secrets.token_hex(8)
    )
