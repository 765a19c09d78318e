"""Pipelines of GitHub and GitLab, written into the repository that the project lies in: `iac init --ci`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iac.config.place import FilePlace
from iac.config.together import write_together
from iac.core.errors import InputError
from iac.git import find_work_tree, open_work_tree
from iac.pipelines.needs import extras, login_variables, state_variables
from iac.pipelines.text import ROOT_FILE, WRITTEN, Facts, Forge, include_line, render_pipelines, root_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from iac.config.settings import Settings

__all__ = ["Facts", "Forge", "Pipelines", "find_written", "prepare_pipelines", "refuse_file_backend"]

_OURS = (".github/workflows/iac-*.yml", ".gitlab/iac*.gitlab-ci.yml")
"""Where our files lie in a repository."""


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Files to write.

    Attributes:
        root: the repository's.
        files: path from there -> text; those that are there as they should be are left out.
        forges: for which they are.
        include: what the user's own .gitlab-ci.yml has to include; "" for nothing.
    """

    root: Path
    files: dict[str, str]
    forges: tuple[str, ...]
    include: str = ""

    def write(self) -> None:
        """Write all of them, or none.

        Raises:
            InputError: a file or folder cannot be written, or would lie behind a symbolic link.
        """
        write_together(self.root, self.files, lambda: None)


def refuse_file_backend(where: str) -> None:
    """Refuse pipelines for a state that lies on one machine.

    Raises:
        InputError: always.
    """
    raise InputError(
        "the state is on this machine, out of reach of a pipeline",
        where=where,
        why="each run would begin without it",
        fix="iac init --backend git --ci ..., or move the state: docs/how-to/share-state.md",
    )


def prepare_pipelines(root: Path, settings: Settings, forges: Collection[str]) -> Pipelines:
    """What is to be written for a project; nothing is written yet.

    Args:
        root: the project's folder.
        settings: those of the environment.
        forges: names of `Forge`.

    Raises:
        InputError: no repository, a state that pipelines do not reach, a login that asks a person, a file that is there
            and is another.
    """
    if isinstance(settings.state.place, FilePlace):
        refuse_file_backend("state.backend: file")
    repository = _repository(root)
    directory = os.path.relpath(root.resolve(), repository)
    facts = Facts(
        settings.issuer,
        directory,
        settings.environment,
        _default_branch(repository),
        login=login_variables(settings),
        state=state_variables(settings),
        extras=extras(settings),
    )
    _check(facts)
    files: dict[str, str] = {}
    wanted = tuple(sorted(set(forges)))
    for forge in wanted:
        files |= render_pipelines(Forge(forge), facts)
    include = ""
    if Forge.GITLAB in wanted:
        include = _add_root_file(repository, facts, files)
    return Pipelines(repository, dict(_missing(repository, files)), wanted, include)


def find_written(root: Path) -> dict[str, str]:
    """Files of ours in the repository of a project: path -> the version of iac that wrote them."""
    repository = find_work_tree(root)
    if repository is None:
        return {}
    found: dict[str, str] = {}
    for path in (path for pattern in _OURS for path in sorted(repository.glob(pattern)) if path.is_file()):
        with path.open(encoding="utf-8", errors="replace") as file:
            head = WRITTEN.match(file.readline(200))
        if head:
            found[path.relative_to(repository).as_posix()] = head[1]
    return found


def _repository(root: Path) -> Path:
    repository = find_work_tree(root)
    if repository is None:
        raise InputError(
            "this is no git repository", where=str(root), why="pipelines are files of one", fix="git init, or clone one"
        )
    return repository


def _default_branch(root: Path) -> str:
    """What the remote says, else the branch of now."""
    git = open_work_tree(root)
    for name in ("refs/remotes/origin/HEAD", "HEAD"):
        answer = git.run("symbolic-ref", "--quiet", "--short", name)
        if answer.is_ok:
            return os.fsdecode(answer.out).strip().removeprefix("origin/")
    return "main"


def _check(facts: Facts) -> None:
    """A dollar sign would be an expression or a variable for those who run pipelines."""
    for name, value in (("issuer", facts.issuer), ("folder", facts.directory), ("branch", facts.branch)):
        if "$" in value:
            raise InputError("this name cannot stand in a pipeline", where=f"{name} {value}", fix="do without the $")


def _add_root_file(repository: Path, facts: Facts, files: dict[str, str]) -> str:
    """.gitlab-ci.yml where there is none; what one that is there lacks."""
    target = repository / ROOT_FILE
    if not target.exists():
        files[ROOT_FILE] = root_file(facts)
        return ""
    line = include_line(facts)
    return "" if line.removeprefix("- local: ") in target.read_text(encoding="utf-8", errors="replace") else line


def _missing(repository: Path, files: dict[str, str]) -> Iterator[tuple[str, str]]:
    for path, text in files.items():
        target = repository / path
        if not os.path.lexists(target):
            yield path, text
        elif not target.is_file() or target.read_text(encoding="utf-8", errors="replace") != text:
            raise InputError(
                "there is a pipeline already, and it is another one",
                where=path,
                why="nothing that is there is overwritten",
                fix=f"git rm {path}, run this again, and look at git diff",
            )
