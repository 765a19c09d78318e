"""What git would make of files: in a work tree, and there tracked, ignored or neither. The git program is asked.

Asked three times for all files of a work tree. Whether a folder lies in one is seen by its `.git`
(gitrepository-layout(5)), so where there is none no program is started.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from iac.core.diagnostics import Diagnostic, Severity
from iac.core.errors import InputError
from iac.git import Git, find_work_tree, open_work_tree

_ARGUMENTS = 200
"""Paths in one command line: 200 of 1,024 characters fit anywhere."""

_SPECIAL = re.compile(r"[\\*?\[]| \Z")
"""What a line of .gitignore means otherwise (gitignore(5)); a line begins with a slash, so `#` and `!` are none."""

_MAGIC = re.compile(r"[\\*?\[]|^:")
"""What git takes for a pattern in the path of a command (gitglossary(7), pathspec)."""

TRACKED, NOT_IGNORED, NOT_CHECKED = "output-tracked", "output-not-ignored", "output-not-checked"
"""Ids of what is said of a file."""


def find_exposed(project: Path, targets: Mapping[str, Path]) -> dict[str, Diagnostic]:
    """What is wrong with those of some files that are not kept out of a git work tree, by name, without a location.

    Args:
        project: the project's folder, for the commands that are told.
        targets: name -> the file, as a path without symbolic links; it need not exist.
    """
    found: dict[str, Diagnostic] = {}
    if shutil.which("git") is None:
        return found
    for tree, names in _by_tree(project, targets).items():
        found.update(tree.exposed(names))
    return found


def _by_tree(project: Path, targets: Mapping[str, Path]) -> dict[_WorkTree, dict[str, str]]:
    """For each work tree its files: path in the tree -> name."""
    roots = {folder: find_work_tree(folder) for folder in {target.parent for target in targets.values()}}
    trees: dict[_WorkTree, dict[str, str]] = {}
    for name, target in targets.items():
        root = roots[target.parent]
        if root is not None:
            trees.setdefault(_WorkTree(root, project), {})[str(target.relative_to(root))] = name
    return trees


@dataclass(frozen=True, slots=True)
class _WorkTree:
    """One work tree; paths are relative to its root."""

    root: Path
    project: Path

    def exposed(self, names: Mapping[str, str]) -> Iterator[tuple[str, Diagnostic]]:
        """For those of some files that are not ignored, by their names, what they are."""
        try:
            git = open_work_tree(self.root)
            tracked = self._tracked(git, names)
            kept_out = self._ignored(git, names) - tracked
        except InputError as refused:
            fix = f"{self._command('status')} says why; whether the file is kept out of commits is not known until then"
            for name in names.values():
                summary = f"git does not say whether {name} is ignored"
                yield name, Diagnostic(NOT_CHECKED, summary, None, refused.why, fix, Severity.WARNING)
            return
        for path, name in names.items():
            if path in tracked:
                summary, why = f"git tracks {name}", "its secret would be in the next commit"
                yield name, Diagnostic(TRACKED, summary, None, why, self._untracking(path))
            elif path not in kept_out:
                summary = f"{name} lies in a git work tree and is not ignored"
                yield name, Diagnostic(NOT_IGNORED, summary, None, "", self._ignoring(path), Severity.WARNING)

    def _ignored(self, git: Git, paths: Collection[str]) -> set[str]:
        """Those that .gitignore names, tracked or not; `./` keeps a colon from being magic."""
        given = "\0".join(f"./{path}" for path in paths)
        return {
            path.removeprefix("./")
            for path in self._ask(git, "check-ignore", "--no-index", "-z", "--stdin", given=given)
        }

    def _tracked(self, git: Git, paths: Collection[str]) -> set[str]:
        found: set[str] = set()
        rest = iter(paths)
        while batch := list(islice(rest, _ARGUMENTS)):
            found |= self._ask(git, "--literal-pathspecs", "ls-files", "-z", "--", *batch)
        return found

    def _ask(self, git: Git, *arguments: str, given: str = "") -> set[str]:
        """The paths that git says; its exit code 1 is "none of them".

        Raises:
            InputError: it has no answer.
        """
        answer = git.run(*arguments, given=os.fsencode(given))
        if answer.code not in {0, 1}:
            raise InputError("git has no answer", where=str(self.root), why=answer.said)
        return {os.fsdecode(path) for path in answer.out.split(b"\0") if path}

    def _untracking(self, path: str) -> str:
        shown = self._shown(path)
        options = ("--literal-pathspecs",) if _MAGIC.search(shown) else ()
        return f"{self._command(*options, 'rm', '--cached', '--', shown)}, and {self._ignoring(path)}"

    def _ignoring(self, path: str) -> str:
        shown = self._shown(path)
        if "\n" in shown:
            return "another path, for .gitignore can name none with a line break"
        file = Path(os.path.relpath(self._seen_from(), self.project)) / ".gitignore"
        return f"the line {_line(shown)} in {file}"

    def _shown(self, path: str) -> str:
        return str((self.root / path).relative_to(self._seen_from()))

    def _seen_from(self) -> Path:
        """The folder where people would type: the project's, unless this work tree lies inside of it."""
        return self.project if self.project.is_relative_to(self.root) else self.root

    def _command(self, *arguments: str) -> str:
        here = os.path.relpath(self._seen_from(), self.project)
        return shlex.join(["git", *(() if here == "." else ("-C", here)), *arguments])


def _line(path: str) -> str:
    """The line of .gitignore, in the folder that the path is relative to, for one file."""
    return "/" + _SPECIAL.sub(lambda found: f"\\{found[0]}", path)
