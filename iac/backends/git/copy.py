"""A private copy of what a remote repository holds of one state: fetched without history, written to by pushes.

It is a bare repository in a private folder that goes with the object (`iac.files`). The user's own repository is read
for its settings and never written to; no branch is checked out anywhere.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from iac.backends.cell import Stored
from iac.backends.git.project import REMOTE, Route, find_route
from iac.core.errors import StateError, UnreachableError
from iac.core.text import printable
from iac.files import PrivateFolder, temporary_folder
from iac.git import NO_ANSWER, Entries, Git, GitAnswer, as_config, check_version, without_userinfo

NOTE = "note"
"""The file of a lock's commit."""

_RECENT = 10.0  # seconds for which the lock counts as seen that a fetch brought along with the document
_NEW = "refs/state/new"
_QUIET: Entries = (
    ("core.fsync", "none"),
    ("fastimport.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "false"),
    ("color.ui", "false"),
    ("credential.interactive", "false"),
)
_HEAD = re.compile(rb"([0-9a-f]+) (commit|tree|blob) ([0-9]+)\n")


class StateRefs(Struct, frozen=True):
    """The place of a state in a remote repository: its branch and file, and the ref of its lock."""

    branch: str
    path: str
    lock: str


class Snapshot(Struct, frozen=True):
    """A remote repository at one moment: the branch's tip, the document by its object id, the lock by its commit's."""

    tip: str | None
    document: Stored | None
    lock: Stored | None


class RefVersion(Struct, frozen=True):
    """The tip of a ref and the version of the cell's value there: as they are, or as a push will make them."""

    tip: str | None
    version: str | None


class Copy:
    """The private repository, made at first use.

    Args:
        project: a directory; the repository it lies in names remotes and has the settings of transport.
        remote: a URL or path, or the name of a remote.
        names: what is looked at.
    """

    def __init__(self, project: Path, remote: str, names: StateRefs) -> None:
        self._project = project
        self._remote = remote
        self._names = names
        self._branch = f"refs/state/heads/{names.branch}"
        self._lock = f"refs/state/{names.lock.removeprefix('refs/')}"
        self._turn = threading.RLock()
        self._recent: tuple[float, Snapshot] | None = None

    def look(self) -> Snapshot:
        """Fetch, and what is there now.

        Raises:
            UnreachableError: it cannot be fetched.
            InputError: git or the remote is not what it should be.
            StateError: the state's path is not a file.
        """
        with self._turn:
            snapshot = self._snapshot() if self._fetch() else Snapshot(None, None, None)
            self._recent = (monotonic(), snapshot)
            return snapshot

    def recent(self) -> Snapshot:
        """The result of the last fetch, if that was just now and nothing was pushed since; else a new look."""
        with self._turn:
            at, snapshot = self._recent or (0.0, None)
            self._recent = None
            return snapshot if snapshot and monotonic() - at < _RECENT else self.look()

    def commit(self, subject: str, parent: str | None, path: str, data: bytes | None) -> RefVersion:
        """A commit on `parent` (None: a first one) in which the file holds `data`, or is not (None)."""
        with self._turn:
            stream = _stream(f"{subject}\n\nTry: {secrets.token_hex(8)}\n", self._route.identity, parent, path, data)
            answer = self._git.run("fast-import", "--quiet", "--force", "--done", "--date-format=now", stdin=stream)
            if not answer.is_ok:
                raise UnreachableError("git cannot make a commit", why=answer.said, fix="see that TMPDIR has room")
            commit, *blob = answer.out.decode().split()
            return RefVersion(commit, blob[0] if blob else None)

    def kinds(self, tip: str, paths: Sequence[str]) -> dict[str, str]:
        """The kinds of paths in a commit: tree, blob, or "" for what is not there."""
        with self._turn:
            names = "".join(f"{tip}:{path}\n" for path in paths)
            answer = self._git.run("cat-file", "--batch-check", stdin=os.fsencode(names))
            heads = (_HEAD.fullmatch(line + b"\n") for line in answer.out.splitlines())
            return dict(zip(paths, (head[2].decode() if head else "" for head in heads), strict=True))

    def push(self, ref: str, old: str | None, new: str | None) -> GitAnswer:
        """Replace exactly the commit `old` (None: there is none) by `new` (None: remove the ref)."""
        with self._turn:
            self._recent = None
            lease = f"--force-with-lease={ref}:{old or ''}"
            answer = self._git.run("push", "--porcelain", lease, REMOTE, f"{new or ''}:{ref}")
            return replace(answer, said="; ".join((answer.said, *_summaries(answer))))

    def _fetch(self) -> bool:
        """Fetch; whether there was anything. A fetch without history fails where nothing is, so that is asked for."""
        names = self._names
        specs = (f"+refs/heads/{names.branch}*:{self._branch}*", f"+{names.lock}*:{self._lock}*")
        fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--prune", "--no-write-fetch-head", REMOTE, *specs)
        answer = self._git.run(*fetch)
        if not answer.is_ok and answer.code != NO_ANSWER:
            # Either nothing is there, or a ref went while it was fetched. ls-remote tells, then it is fetched again.
            listed = self._git.run("ls-remote", REMOTE, f"refs/heads/{names.branch}", names.lock)
            if listed.is_ok and not listed.out:
                return False
            answer = self._git.run(*fetch) if listed.is_ok else listed
        if not answer.is_ok:
            shown = without_userinfo(self._remote)
            raise UnreachableError(
                "the state's repository cannot be read",
                where=shown,
                why=answer.said,
                fix=f"see that this works without a question: git ls-remote {shown}",
            )
        return True

    def _snapshot(self) -> Snapshot:
        names = self._names
        asked = (self._branch, f"{self._branch}:{names.path}", self._lock, f"{self._lock}:{NOTE}")
        answer = self._git.run("cat-file", "--batch", stdin=os.fsencode("".join(f"{name}\n" for name in asked)))
        tip, document, lock_tip, note = _objects(answer.out)
        if document and document.kind != "blob":
            raise StateError(
                "the state's path is not a file",
                where=f"{names.path} in branch {names.branch}",
                why="it is a folder there",
                fix="name another file in iac.yaml: state.path",
            )
        return Snapshot(
            tip.version if tip else None,
            Stored(document.data, document.version) if document else None,
            Stored(note.data if note else b"?", lock_tip.version) if lock_tip else None,
        )

    @cached_property
    def _git(self) -> Git:
        """Git in the private repository, with all settings that lead to the remote."""
        variables = {**self._bare.variables, **as_config((*self._route.entries, *_QUIET))}
        return replace(self._bare, variables=variables, directory=self._route.directory)

    @cached_property
    def _route(self) -> Route:
        return find_route(self._project, self._bare, self._remote)

    @cached_property
    def _bare(self) -> Git:
        """Git in the private repository, as it is made."""
        try:
            folder = PrivateFolder("git")
        except OSError as error:
            raise _no_room(str(temporary_folder()), str(error.strerror)) from error
        weakref.finalize(self, folder.close)
        git = Git(folder.path, {"GIT_DIR": str(folder.path)})
        check_version(git)
        answer = git.run("init", "--quiet", "--bare", "--template=", str(folder.path))
        if not answer.is_ok:
            raise _no_room(str(folder.path), answer.said)
        return git


def _no_room(folder: str, why: str) -> UnreachableError:
    return UnreachableError(
        "git's copy of the state's branch cannot be made",
        where=folder,
        why=why,
        fix="let TMPDIR name a folder that has room and that you may write to",
    )


class _Object(Struct, frozen=True):
    version: str
    kind: str
    data: bytes


def _objects(out: bytes) -> list[_Object | None]:
    """The objects of `cat-file --batch`, in the order of the questions; None for what is not there."""
    objects: list[_Object | None] = []
    at = 0
    while at < len(out):
        head = _HEAD.match(out, at)
        if head is None:
            objects.append(None)
            at = out.index(b"\n", at) + 1
            continue
        end = head.end() + int(head[3])
        objects.append(_Object(head[1].decode(), head[2].decode(), out[head.end() : end]))
        at = end + 1
    return objects


def is_declined(answer: GitAnswer) -> bool:
    """Whether the server refused a push; else it did not answer, or the ref was another one."""
    return any("[remote rejected]" in summary for summary in _summaries(answer))


def _summaries(answer: GitAnswer) -> list[str]:
    """The reasons why refs were not pushed, as `git push --porcelain` words it (git-push, OUTPUT)."""
    lines = answer.out.decode(errors="replace").splitlines()
    return [printable(line.split("\t")[-1]) for line in lines if line.startswith("!\t")]


def _stream(message: str, identity: str, parent: str | None, path: str, data: bytes | None) -> bytes:
    """The commands of git-fast-import for one commit; it answers with the ids of the commit and of the file."""
    lines = [
        b"" if data is None else b"blob\nmark :1\n" + _counted(data),
        os.fsencode(f"commit {_NEW}\nmark :2\ncommitter {identity} now\n"),
        _counted(message.encode()),
        os.fsencode(f"from {parent}\n" if parent else ""),
        os.fsencode(f"D {path}\n" if data is None else f"M 100644 :1 {path}\n"),
        b"\nget-mark :2\n",
        b"" if data is None else b"get-mark :1\n",
        b"done\n",
    ]
    return b"".join(lines)


def _counted(data: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(data), data)
