"""What git would make of files: in a work tree, and there tracked, ignored or neither. The git program is asked.

Asked twice for all files of a work tree. Whether a folder lies in one is seen by its `.git`
(gitrepository-layout(5)), so where there is none no program is started.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from iac.ports import Exposure, Tracking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SECONDS = 30
_ARGUMENTS = 200
"""Paths in one command line: 200 of 1,024 characters fit anywhere."""

_SPECIAL = re.compile(r"[\\*?\[]| \Z")
"""What a line of .gitignore means otherwise (gitignore(5)); a line begins with a slash, so `#` and `!` are none."""

_MAGIC = re.compile(r"[\\*?\[]|^:")
"""What git takes for a pattern in the path of a command (gitglossary(7), pathspec)."""


class _Refused(Exception):
    """Git has no answer; its words."""


def find_exposed(project: Path, targets: Mapping[str, Path]) -> dict[str, Exposure]:
    """Those of some files that are not kept out of a git work tree.

    Args:
        project: the project's folder, for the commands that are told.
        targets: name -> the file, as a path without symbolic links; it need not exist.
    """
    found: dict[str, Exposure] = {}
    for tree, names in _by_tree(project, targets).items():
        found.update(tree.exposed(names))
    return found


def _by_tree(project: Path, targets: Mapping[str, Path]) -> dict[_WorkTree, dict[str, str]]:
    """For each work tree its files: path in the tree -> name."""
    roots = {folder: _root(folder) for folder in {target.parent for target in targets.values()}}
    trees: dict[_WorkTree, dict[str, str]] = {}
    for name, target in targets.items():
        root = roots[target.parent]
        if root is not None:
            trees.setdefault(_WorkTree(root, project), {})[str(target.relative_to(root))] = name
    return trees


def _root(folder: Path) -> Path | None:
    """The innermost work tree that a folder lies in, as git finds it."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)


@dataclass(frozen=True, slots=True)
class _WorkTree:
    """One work tree; paths are relative to its root."""

    root: Path
    project: Path

    def exposed(self, names: Mapping[str, str]) -> Iterator[tuple[str, Exposure]]:
        """For those of some files that are not ignored, by their names, what they are."""
        try:
            tracked = self._tracked(names)
            kept_out = self._ignored(names) - tracked
        except _Refused as refused:
            fix = f"{self._command('status')} says why; whether the file is kept out of commits is not known until then"
            yield from ((name, Exposure(Tracking.UNKNOWN, fix, str(refused))) for name in names.values())
            return
        except FileNotFoundError:
            return
        for path, name in names.items():
            if path not in kept_out:
                yield name, self._exposure(path, is_tracked=path in tracked)

    def _ignored(self, paths: Collection[str]) -> set[str]:
        """Those that .gitignore names, tracked or not; `./` keeps a colon from being magic."""
        given = "\0".join(f"./{path}" for path in paths)
        return {
            path.removeprefix("./") for path in self._git("check-ignore", "--no-index", "-z", "--stdin", given=given)
        }

    def _tracked(self, paths: Collection[str]) -> set[str]:
        found: set[str] = set()
        rest = iter(paths)
        while batch := list(islice(rest, _ARGUMENTS)):
            found |= self._git("--literal-pathspecs", "ls-files", "-z", "--", *batch)
        return found

    def _git(self, *arguments: str, given: str = "") -> set[str]:
        """The paths that git says; its exit code 1 is "none of them".

        Raises:
            _Refused: it has no answer, for instance because the repository is somebody else's.
            FileNotFoundError: there is no git.
        """
        options = ("-C", str(self.root), "-c", "core.fsmonitor=false")
        try:
            done = subprocess.run(  # noqa: S603  # paths follow `--` or come by stdin
                ["git", *options, *arguments],  # noqa: S607  # the git of the user's path is meant
                input=os.fsencode(given), capture_output=True, env=_environment(), timeout=_SECONDS, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _Refused(f"git cannot be run: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise _Refused(f"git does not answer for {_SECONDS} seconds") from error
        if done.returncode not in {0, 1}:
            said = done.stderr.decode("utf-8", "replace").splitlines()
            raise _Refused(next(iter(said), f"git ends with {done.returncode}"))
        return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}

    def _exposure(self, path: str, *, is_tracked: bool) -> Exposure:
        here = self._seen_from()
        shown = str((self.root / path).relative_to(here))
        file = Path(os.path.relpath(here, self.project)) / ".gitignore"
        ignore = f"the line {_line(shown)} in {file}"
        if "\n" in shown:
            ignore = "another path, for .gitignore can name none with a line break"
        if is_tracked:
            options = ("--literal-pathspecs",) if _MAGIC.search(shown) else ()
            command = self._command(*options, "rm", "--cached", "--", shown)
            return Exposure(Tracking.TRACKED, f"{command}, and {ignore}")
        return Exposure(Tracking.NOT_IGNORED, ignore)

    def _seen_from(self) -> Path:
        """The folder where people would type: the project's, unless this work tree lies inside of it."""
        return self.project if self.project.is_relative_to(self.root) else self.root

    def _command(self, *arguments: str) -> str:
        here = os.path.relpath(self._seen_from(), self.project)
        return shlex.join(["git", *(() if here == "." else ("-C", here)), *arguments])


def _environment() -> dict[str, str]:
    """Ours, less what names another repository than the one asked about (as in a hook), and less our secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "IAC_"))}
    settings = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
    return {**kept, **settings, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def _line(path: str) -> str:
    """The line of .gitignore, in the folder that the path is relative to, for one file."""
    return "/" + _SPECIAL.sub(lambda found: f"\\{found[0]}", path)
