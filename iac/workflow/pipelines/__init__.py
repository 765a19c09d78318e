"""Pipelines of GitHub and GitLab, written into the repository that the project lies in: `iac init --ci`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from iac.config.edit.files import create_text, edited_text, write_together
from iac.config.edit.project import with_wheel
from iac.config.project import load_project
from iac.config.settings import Settings
from iac.core.desired import DEFAULT
from iac.core.errors import InputError
from iac.core.explanation import page_url
from iac.core.text import listed
from iac.files import PrivateFolder
from iac.git import find_work_tree, open_work_tree
from iac.ports.path import PROJECT_FILE
from iac.ports.settings import RootFile
from iac.ports.site import SourceKind, ValueSource
from iac.registry import FORGES
from iac.workflow.pipelines.text import WRITTEN, PipelineFacts, check_wheel, render_pipelines


def login_variables(settings: Settings) -> tuple[str, ...]:
    """Environment variables that `auth` names.

    Raises:
        InputError: its method asks a person, who is not there.
    """
    auth = settings.auth
    if auth is None:
        return ()
    if auth.asks_a_person:
        raise InputError(
            "no pipeline can log in as a person does",
            where=f"auth.method: {auth.method}",
            why="nobody is there to answer",
            fix=f"set auth: {{method: private_key_jwt, ...}} or client_credentials: {page_url('how-to/log-in.md')}",
        )
    return _variables([auth.client, *auth.secrets])


def extras(settings: Settings) -> tuple[str, ...]:
    """Extras that the login, the place of the state and the sinks need."""
    adapters = (settings.auth, settings.state.place, *settings.sinks.values())
    return tuple(sorted({adapter.extra for adapter in adapters if adapter and adapter.extra}))


def _variables(sources: Iterable[ValueSource | None]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(source.name for source in sources if source is not None and source.origin is SourceKind.ENV)
    )


_BY_NAME = re.compile(r"\bpip install .*\bindigo-iac\b")


class Pipelines(Struct, frozen=True):
    """Files to write.

    Attributes:
        root: the repository's.
        files: path from there -> text; those that are there as they should be are left out.
        forges: for which they are.
        advice: what the user's own files have to include.
        edited: files that are there, and what is to stand in them.
    """

    root: Path
    files: dict[str, str]
    forges: tuple[str, ...]
    advice: tuple[str, ...] = ()
    edited: Mapping[str, str] = field(default_factory=dict)

    def write(self) -> None:
        """Write all of them, or none.

        Raises:
            InputError: a file or folder cannot be written, or would lie behind a symbolic link.
        """
        write_together(self.root, {**self.edited, **self.files}, lambda: None, replaced=tuple(self.edited))


def prepare_pipelines(
    root: Path, environments: Sequence[Settings], forges: Collection[str], where: str = "", *, is_named: bool = False
) -> Pipelines:
    """The files for a project; nothing is written yet.

    Args:
        root: the project's folder.
        environments: settings of each environment that the jobs are for.
        forges: names of `iac.registry.FORGES`.
        where: what names the backend; "" for iac.yaml.
        is_named: the project has more environments than one.

    Raises:
        InputError: no repository, a state that pipelines do not reach, a login that asks a person, no wheel of this
            version, a file that is there and is another.
    """
    for settings in environments:
        _check_place(settings, where, is_one=len(environments) == 1)
    repository = find_work_tree(root)
    if repository is None:
        raise InputError(
            "this is not a git repository",
            where=str(root),
            why="pipelines are files of one",
            fix="git init, or clone one",
        )
    facts = PipelineFacts(
        {settings.environment: settings.issuer for settings in environments},
        os.path.relpath(root.resolve(), repository),
        _default_branch(repository),
        login=_united(map(login_variables, environments)),
        state=_united(_variables(settings.state.place.login) for settings in environments),
        extras=tuple(sorted(_united(map(extras, environments)))),
        wheel=environments[0].wheel,
        is_named=is_named or environments[0].environment != DEFAULT,
    )
    # A dollar sign would be an expression or a variable for those who run pipelines.
    for name, value in (("issuer", facts.pinned), ("folder", facts.directory), ("branch", facts.branch)):
        if "$" in value:
            raise InputError("this name cannot stand in a pipeline", where=f"{name} {value}", fix="do without the $")
    check_wheel(facts.wheel, min(forges))
    files: dict[str, str] = {}
    wanted = tuple(sorted(set(forges)))
    for forge in wanted:
        files |= render_pipelines(forge, facts)
    _check_former(repository, wanted, files)
    advice = tuple(filter(None, (_add_root_file(repository, FORGES[forge].root, files) for forge in wanted)))
    return Pipelines(repository, dict(_missing(repository, files)), wanted, advice)


def _check_place(settings: Settings, where: str, *, is_one: bool) -> None:
    place = settings.state.place
    if place.file:
        raise InputError(
            "the state is on this machine, where pipelines cannot reach it",
            where=where or f"state.backend: {place.name}" + ("" if is_one else f", environment {settings.environment}"),
            why="each run would begin without it",
            fix=f"run iac init --backend git --ci ..., or move the state: {page_url('how-to/share-state.md')}"
            + ("" if is_one else "; or name the other environments: --env NAME for each"),
        )


def _united(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def change_wheel(
    root: Path, environments: Sequence[Settings], forges: Collection[str], wheel: str, *, is_named: bool
) -> Pipelines:
    """As `prepare_pipelines`, with another wheel, also in iac.yaml.

    Raises:
        InvalidInput: this is not a wheel's URL and hash.
        InputError: as there, or iac.yaml cannot be changed.
    """
    text = edited_text(root / PROJECT_FILE, lambda text: with_wheel(text, wheel))
    with PrivateFolder("init") as folder:
        create_text(folder.path / PROJECT_FILE, text)
        load_project(folder.path)
    changed = [replace(settings, wheel=wheel) for settings in environments]
    prepared = prepare_pipelines(root, changed, forges, is_named=is_named)
    return replace(prepared, edited={os.path.relpath((root / PROJECT_FILE).resolve(), prepared.root): text})


def find_written(root: Path) -> dict[str, str]:
    """Files of ours in the repository of a project: path -> the version of iac that wrote them."""
    repository = find_work_tree(root)
    patterns = (pattern for forge in FORGES.values() for pattern in forge.written)
    return _versions(repository, patterns) if repository else {}


def _versions(repository: Path, patterns: Iterable[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for path in (path for pattern in patterns for path in sorted(repository.glob(pattern)) if path.is_file()):
        with path.open(encoding="utf-8", errors="replace") as file:
            head = WRITTEN.match(file.readline(200))
        if head:
            versions[path.relative_to(repository).as_posix()] = head[1]
    return versions


def find_unlocked(root: Path) -> list[str]:
    """Those of our files that install iac by its name, as version 0.1.0 wrote them."""
    top = find_work_tree(root) or root
    return [
        path
        for path in find_written(root)
        if _BY_NAME.search((top / path).read_text(encoding="utf-8", errors="replace"))
    ]


def _default_branch(root: Path) -> str:
    """What the remote says, else the branch of now."""
    git = open_work_tree(root)
    for name in ("refs/remotes/origin/HEAD", "HEAD"):
        answer = git.run("symbolic-ref", "--quiet", "--short", name)
        if answer.is_ok:
            return os.fsdecode(answer.out).strip().removeprefix("origin/")
    return "main"


def _check_former(repository: Path, forges: Collection[str], files: Collection[str]) -> None:
    """Refuse to write beside files of ours that these do not replace: their jobs would run, too."""
    patterns = (pattern for forge in forges for pattern in FORGES[forge].written)
    if former := sorted(_versions(repository, patterns).keys() - set(files)):
        raise InputError(
            "there are pipelines of an earlier version",
            where=listed(former),
            why="their jobs would run beside the new ones",
            fix=f"git rm {' '.join(former)}, run this again, and look at git diff",
        )


def _add_root_file(repository: Path, root: RootFile | None, files: dict[str, str]) -> str:
    """The root file where it is missing; what to add to one that is there."""
    if root is None:
        return ""
    target = repository / root.path
    if not target.exists():
        files[root.path] = root.text
        return ""
    return "" if root.include in target.read_text(encoding="utf-8", errors="replace") else root.advice


def _missing(repository: Path, files: dict[str, str]) -> Iterator[tuple[str, str]]:
    for path, text in files.items():
        target = repository / path
        if not os.path.lexists(target):
            yield path, text
        elif not target.is_file() or target.read_text(encoding="utf-8", errors="replace") != text:
            raise InputError(
                "there is another pipeline already",
                where=path,
                why="nothing that is there is overwritten",
                fix=f"git rm {path}, run this again, and look at git diff",
            )
