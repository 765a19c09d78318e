"""What a new project and a new state begin with: iac.yaml, the key file outside of the project, the first document."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iac.backends.keyfile import KeyFile, ensure_key, key_path
from iac.config.lineage import edit_lineage
from iac.config.project import PROJECT_FILE, load_project
from iac.config.schema import load_schema
from iac.config.writing import replace_text
from iac.core.errors import InputError, InvalidInput, MissingStateError, StateError
from iac.core.registration import Api
from iac.core.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from iac.config.settings import Settings
    from iac.ports import Clock, StateBackend

    Opener = Callable[[Settings, Clock], StateBackend]

DEFINITIONS = "clients.d"
IGNORED = (".iac/", "/out/")
"""What version control must not see: state, and rendered files."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]*[A-Za-z0-9/]")
_WORDS = frozenset({"true", "false", "null"})
_PROJECT = """\
# yaml-language-server: $schema={schema}
# The project: which server, how iac logs in there, where it remembers what it applied.
project: {project}
issuer: {issuer}
provider: {provider}
{login}
# Secrets in state are encrypted to the recipients, which are public; the identity of one of them opens them.
state:
{place}
  encryption:
    identity: {{env: IAC_AGE_IDENTITY}}
    recipients:
      - {recipient}
  lineage: {lineage}
"""
_PIPELINES = """\
# What pipelines install iac from: iac init --ci.
pipelines:
  wheel: {wheel}
"""
_LOGINS = {
    Api.ADMIN: """\
# The login client is registered in the same IAM: grant client_credentials, scopes iam:admin.read and iam:admin.write.
auth:
  method: client_credentials
  client_id: {env: IAC_CLIENT_ID}
  client_secret: {env: IAC_CLIENT_SECRET}""",
    Api.SELF_SERVICE: """\
# A user's token: who logs in owns what is registered. Where anybody may register, auth: {method: none} will do.
auth:
  method: token
  token: {env: IAM_TOKEN}""",
    Api.RFC7591: """\
# What lets iac register clients. Where anybody may register, auth: {method: none} will do.
auth:
  method: initial_access_token
  token: {env: IAC_INITIAL_ACCESS_TOKEN}""",
}
_PLACES = {
    "file": "  backend: file\n  path: .iac/state.json",
    "git": "  backend: git\n  remote: origin\n  branch: iac-state  # a branch of its own, made with the state",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a new project is asked for.

    Attributes:
        provider: a name of `Api`.
        backend: file or git.
        wheel: what its pipelines install, URL#sha256=HASH.
    """

    project: str
    issuer: str
    provider: str
    backend: str = "file"
    wheel: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A state that was made.

    Attributes:
        where: its place.
        key: the key file that it is encrypted to; None when its recipients were named before.
    """

    lineage: str
    where: str
    key: KeyFile | None


def make_project(root: Path, answers: Answers, clock: Clock, open_backend: Opener) -> Begun:
    """A new project in `root` with an empty state, and its key file outside of it.

    Raises:
        InvalidInput: an answer cannot be used; nothing was written.
        InputError: there is a project or a state already, or a place for one cannot be written to.
        UnreachableError: the backend is remote and cannot be reached.
    """
    _refuse_project(root)
    lineage = str(uuid.uuid4())
    wanted = replace(check_answers(answers, lineage), root=root)
    _check_places(root, answers)
    _refuse_state(wanted, open_backend(wanted, clock))
    key = ensure_key(answers.project, os.environ, clock.now())
    text = _text(answers, lineage, key.recipient)
    replace_text(root / PROJECT_FILE, text)
    _prepare(root)
    settings = load_project(root).settings()
    open_backend(settings, clock).create(_first(settings))
    return Begun(lineage, settings.state.place.where, key)


def make_state(settings: Settings, clock: Clock, open_backend: Opener) -> Begun:
    """The state of an environment that has none; lineage and, where none is named, a recipient go into iac.yaml.

    Raises:
        StateError: there is a state already.
        InputError: the key file or iac.yaml cannot be written.
    """
    state = settings.state
    lineage = state.lineage or str(uuid.uuid4())
    key = None
    if not (state.is_clear or state.recipients):
        key = ensure_key(settings.project, os.environ, clock.now())
    named = replace(settings, state=replace(state, lineage=lineage))
    open_backend(named, clock).create(_first(named))
    if key or not state.lineage:
        edit_lineage(settings.root, settings.environment, lineage, key.recipient if key else "")
    return Begun(lineage, state.place.where, key)


def _refuse_project(root: Path) -> None:
    if os.path.lexists(root / PROJECT_FILE):
        raise InputError(
            "there is a project already",
            where=str(root / PROJECT_FILE),
            fix="iac state init makes a state for it; iac -C DIR init makes a project in another folder",
        )


def _refuse_state(settings: Settings, backend: StateBackend) -> None:
    """A state in the place of the new one is somebody's, whatever it is; nothing has been written yet."""
    try:
        backend.load()
    except MissingStateError:
        return
    except StateError:
        pass
    is_file = bool(settings.state.files)
    folder = settings.root / ".iac"
    raise StateError(
        "there is a state already",
        where=settings.state.place.where,
        why="a new project begins with a new state",
        fix=f"put the {PROJECT_FILE} of this state back, or "
        + (f"mv {folder} {folder}.old" if is_file else "give the project another name: --project"),
    )


def check_answers(answers: Answers, lineage: str = str(uuid.UUID(int=0))) -> Settings:
    """Hold the answers against the rules of iac.yaml, before anything is written; what they come to.

    Raises:
        InvalidInput: an answer cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / PROJECT_FILE).write_text(_text(answers, lineage, "ssh-ed25519 AAAA"), encoding="utf-8")
        try:
            return load_project(Path(folder)).settings()
        except InvalidInput as invalid:
            raise InvalidInput([replace(one, location=None) for one in invalid.diagnostics]) from None


def _check_places(root: Path, answers: Answers) -> None:
    if not os.access(root, os.W_OK):
        raise InputError("the folder cannot be written to", where=str(root), fix="choose another: iac -C DIR init")
    key = key_path(answers.project, os.environ)
    if key.is_relative_to(root.resolve()):
        raise InputError(
            "the key file would be inside the project",
            where=str(key),
            why="whoever gets the project would get its secrets",
            fix="make the project in a folder of its own, or set XDG_CONFIG_HOME to another",
        )


def _text(answers: Answers, lineage: str, recipient: str) -> str:
    text = _PROJECT.format(
        schema=load_schema("project")["$id"],
        project=_scalar(answers.project),
        issuer=_scalar(answers.issuer),
        provider=answers.provider,
        login=_LOGINS[Api(answers.provider)],
        place=_PLACES[answers.backend],
        lineage=_scalar(lineage),
        recipient=recipient,
    )
    return text + _PIPELINES.format(wheel=_scalar(answers.wheel)) if answers.wheel else text


def _scalar(text: str) -> str:
    """A YAML string: plain where that reads as one, else as a JSON string, which is one too (YAML 1.2 section 1.3)."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def _prepare(root: Path) -> None:
    """The folder of definitions, and .gitignore."""
    ignore = root / ".gitignore"
    try:
        (root / DEFINITIONS).mkdir(exist_ok=True)
        text = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
    except (OSError, ValueError) as error:
        raise InputError(
            "the project cannot be prepared", where=str(root), why=str(error), fix="mend it, then run iac state init"
        ) from error
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        replace_text(ignore, text + gap + "".join(f"{line}\n" for line in missing))


def _first(settings: Settings) -> State:
    """An empty state, unlike any other: a remote backend tells by that whose write took effect."""
    return State(
        settings.project, settings.environment, settings.issuer, settings.state.lineage, run_id=secrets.token_hex(8)
    )
