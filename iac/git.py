"""Runs git: it never asks, never hangs, looks for no repository, and what it says comes back without credentials.

A commit can hold all that makes a folder a bare repository, with settings that name programs (`core.sshCommand`,
`core.fsmonitor`), and can change a file that the repository's own settings include. So the repository is the one whose
`.git` a folder lies under, for git refuses a file of that name in a commit; it is named to git, and settings from files
of the work tree are not obeyed where git could run what they name.

A work tree is asked three times for all files of it: which are tracked, ignored or neither. Whether a folder lies in a
work tree is seen by its `.git` (gitrepository-layout(5)), so where there is none no program is started.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from iac.core.errors import Diagnostic, InputError, Severity
from iac.core.text import printable
from iac.ports.path import named_file
from iac.process import Child, Command, Failure, ProcessError, run

MINIMUM = (2, 31)
"""The oldest git: the first that takes settings from GIT_CONFIG_COUNT."""

SECONDS = 60.0
"""Seconds that one command may take, the network's time with it."""

NO_ANSWER = -1
"""The exit code of a command that was ended because it took too long or printed too much."""

Entries = tuple[tuple[str, str], ...]
"""Settings in git's order: `section.subsection.name` and value. A name may stand several times."""

_SAID = 600  # characters of git's words in a message
_GIVEN_CONFIG = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_PARAMETERS")
_UNASKED = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
}
# Options of every git. They weigh more than any file, and git does not hand them to a server that it starts itself.
_OPTIONS = (
    "--no-pager", "-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false",
    "-c", f"core.hooksPath={os.devnull}",
)  # fmt: skip
# A git that answers questions about a work tree has no server to ask, not even for objects that a partial clone lacks.
_LOCAL = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
_USERINFO = re.compile(r"(?<=://)[^/\s]*@")


class GitAnswer(Struct, frozen=True):
    """The end of a command: its exit code (`NO_ANSWER`: none), its output, and its words in one printable line."""

    code: int
    out: bytes
    said: str

    @property
    def is_ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.code == 0


def without_userinfo(text: str) -> str:
    """The text with the user and password of each URL left out."""
    return _USERINFO.sub("", text)


def given_config(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that hold settings, as CI and `git -c` give them."""
    return {name: value for name, value in variables.items() if name.startswith(_GIVEN_CONFIG)}


def as_config(entries: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as variables of an environment, where no list of processes shows them."""
    keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(entries)}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(entries)}
    return {"GIT_CONFIG_COUNT": str(len(entries)), **keys, **values}


class Git(Struct, frozen=True):
    """git in a directory, with variables beside those that its kind of process gets."""

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    child: Child = Child.GIT_REMOTE

    def run(self, *arguments: str, stdin: bytes = b"") -> GitAnswer:
        """Run it, with these bytes as its input.

        Raises:
            InputError: there is no git.
        """
        variables = {**_UNASKED, **self.variables}
        command = Command(self.child, ("git", *_OPTIONS, *arguments), self.directory, variables)
        try:
            ended = run(command, seconds=SECONDS, stdin=stdin)
        except ProcessError as error:
            why = f"gave no answer within {SECONDS:g} seconds" if error.failure is Failure.LATE else "printed too much"
            return GitAnswer(NO_ANSWER, b"", f"git {arguments[0]} {why}")
        except OSError as error:
            raise InputError(
                "git cannot be run",
                where="state.backend: git",
                why=f"{error.strerror}: {error.filename}",
                fix=f"install git {_version(MINIMUM)} or newer",
            ) from None
        return GitAnswer(ended.code, ended.out, _words(ended.err, f"git {arguments[0]} ended with {ended.code}"))


def check_version(git: Git) -> None:
    """Refuse a git that is too old.

    Raises:
        InputError: it is, or there is none.
    """
    answer = git.run("version")
    match = re.search(rb"(\d+)\.(\d+)", answer.out)
    if not answer.is_ok or match is None or (int(match[1]), int(match[2])) < MINIMUM:
        raise InputError(
            "git is too old",
            where="state.backend: git",
            why=f"it says: {printable(answer.out.decode(errors='replace').strip()) or answer.said}",
            fix=f"install git {_version(MINIMUM)} or newer",
        )


def find_work_tree(folder: Path) -> Path | None:
    """The root of the innermost work tree that a folder lies in; None when it lies in none.

    It is the folder that holds `.git` (gitrepository-layout(5)); no program is asked.
    """
    resolved = folder.resolve()
    return next((ancestor for ancestor in (resolved, *resolved.parents) if os.path.lexists(ancestor / ".git")), None)


def open_work_tree(root: Path) -> Git:
    """A git for questions about a work tree; its repository is named to it, and it reaches no server.

    Git itself says where the repository is and whether it may be used (safe.directory), but looks in `root` alone.

    Raises:
        InputError: there is no git, or it does not use this repository.
    """
    variables = {**_LOCAL, **given_config(os.environ), "GIT_CEILING_DIRECTORIES": str(root.parent)}
    git = Git(root, variables, Child.GIT)
    answer = git.run("rev-parse", "--absolute-git-dir")
    if not answer.is_ok:
        raise _unusable(root, answer.said)
    repository = Path(os.fsdecode(answer.out).removesuffix("\n"))
    if repository != root / ".git" and repository.is_relative_to(root):
        raise _unusable(root, f"its .git leads to {repository.relative_to(root)}, which a commit can hold")
    return replace(git, variables={**git.variables, "GIT_DIR": str(repository), "GIT_WORK_TREE": str(root)})


def read_entries(git: Git, root: Path | None = None) -> tuple[Entries, tuple[Path, ...]]:
    """The settings that a git has, and the files of the work tree `root` that hold more, which are left out.

    Raises:
        InputError: they cannot be read.
    """
    answer = git.run("config", "--list", "--includes", "--show-origin", "-z")
    if not answer.is_ok:
        raise InputError(
            "git's settings cannot be read", where=str(git.directory), why=answer.said, fix="git config -l"
        )
    fields = answer.out.split(b"\0")[:-1]
    entries: list[tuple[str, str]] = []
    ignored: dict[Path, None] = {}
    for origin, setting in zip(fields[::2], fields[1::2], strict=True):
        file = _origin(git, os.fsdecode(origin))
        # A commit can hold what lies in the work tree, but not in `.git`.
        if root and file and file.is_relative_to(root) and not file.is_relative_to(root / ".git"):
            ignored[file] = None
            continue
        key, has_value, value = setting.partition(b"\n")
        entries.append((os.fsdecode(key), os.fsdecode(value) if has_value else "true"))
    return tuple(entries), tuple(ignored)


def without(entries: Entries, others: Entries) -> Entries:
    """Settings that are not among others, each as often as it stands there less."""
    return tuple((Counter(entries) - Counter(others)).elements())


def _origin(git: Git, origin: str) -> Path | None:
    """The file that a setting comes from; None for one of the environment, and for the user's own file.

    Somebody may keep his whole home directory in git: what is at the usual place is the user's nevertheless.
    """
    kind, _, name = origin.partition(":")
    base = os.environ.get("XDG_CONFIG_HOME") or named_file(Path(), "~/.config")
    own = (os.environ.get("GIT_CONFIG_GLOBAL"), str(named_file(Path(), "~/.gitconfig")), f"{base}/git/config")
    return None if kind != "file" or name in own else (git.directory / name).resolve()


def _unusable(root: Path, why: str) -> InputError:
    return InputError(
        "the git repository cannot be used",
        where=str(root),
        why=why,
        fix=f"run git -C {root} status, which shows the problem",
    )


def _version(numbers: tuple[int, int]) -> str:
    return ".".join(str(number) for number in numbers)


def _words(data: bytes, otherwise: str) -> str:
    lines = (line.rstrip() for line in data.decode(errors="replace").splitlines())
    text = "; ".join(line for line in lines if line and not line.startswith("hint:"))
    return printable(without_userinfo(text))[:_SAID] or otherwise


_ARGUMENTS = 200
"""Paths in one command line: 200 of 1,024 characters fit anywhere."""

_SPECIAL = re.compile(r"[\\*?\[]| \Z")
"""Signs with a meaning in .gitignore (gitignore(5)); a line begins with a slash, so `#` and `!` have none."""

_MAGIC = re.compile(r"[\\*?\[]|^:")
"""Signs that make a path of a command a pattern (gitglossary(7), pathspec)."""

TRACKED, NOT_IGNORED, NOT_CHECKED = "output-tracked", "output-not-ignored", "output-not-checked"
"""Ids of what is said of a file."""


def find_exposed(project: Path, targets: Mapping[str, Path]) -> dict[str, Diagnostic]:
    """Find files that are not kept out of a git work tree; a diagnostic for each, by name, without a location.

    Args:
        project: the project's folder, for the commands that are told.
        targets: name -> the file, as a path without symbolic links; it need not exist.
    """
    exposed: dict[str, Diagnostic] = {}
    if shutil.which("git") is None:
        return exposed
    for tree, names in _by_tree(project, targets).items():
        exposed.update(tree.exposed(names))
    return exposed


def _by_tree(project: Path, targets: Mapping[str, Path]) -> dict[_WorkTree, dict[str, str]]:
    """For each work tree its files: path in the tree -> name."""
    roots = {folder: find_work_tree(folder) for folder in {target.parent for target in targets.values()}}
    trees: dict[_WorkTree, dict[str, str]] = {}
    for name, target in targets.items():
        root = roots[target.parent]
        if root is not None:
            trees.setdefault(_WorkTree(root, project), {})[str(target.relative_to(root))] = name
    return trees


class _WorkTree(Struct, frozen=True):
    """One work tree; paths are relative to its root."""

    root: Path
    project: Path

    def exposed(self, names: Mapping[str, str]) -> Iterator[tuple[str, Diagnostic]]:
        """By name, a diagnostic for each of these files that is not ignored."""
        try:
            git = open_work_tree(self.root)
            tracked: set[str] = set()
            rest = iter(names)
            while batch := list(islice(rest, _ARGUMENTS)):
                tracked |= self._ask(git, "--literal-pathspecs", "ls-files", "-z", "--", *batch)
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
        """The paths that .gitignore names, tracked or not; `./` keeps a colon from being magic."""
        names = "\0".join(f"./{path}" for path in paths)
        return {
            path.removeprefix("./")
            for path in self._ask(git, "check-ignore", "--no-index", "-z", "--stdin", stdin=names)
        }

    def _ask(self, git: Git, *arguments: str, stdin: str = "") -> set[str]:
        """The paths that git says; its exit code 1 is "none of them".

        Raises:
            InputError: it has no answer.
        """
        answer = git.run(*arguments, stdin=os.fsencode(stdin))
        if answer.code not in {0, 1}:
            raise InputError("git has no answer", where=str(self.root), why=answer.said, fix="run git status there")
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
    return "/" + _SPECIAL.sub(lambda match: f"\\{match[0]}", path)
