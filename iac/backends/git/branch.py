"""State in a branch of a git repository: the document is a file, the run's lock a ref of its own beside the branches.

Compare and swap is git's own: a push names the commit that it takes the place of (`--force-with-lease=REF:ID`), and
the server takes it only where that one stands. The branch of the document goes forward only.
"""

from __future__ import annotations

import json
import re
import time
from abc import abstractmethod
from pathlib import Path
from random import SystemRandom

from iac.backends.cell import Cell, NotStored, Stored
from iac.backends.git import GitPlace
from iac.backends.git.copy import NOTE, Copy, RefVersion, Snapshot, StateRefs, is_declined
from iac.backends.remote import open_remote
from iac.core.errors import InputError
from iac.core.text import printable
from iac.git import NO_ANSWER, without_userinfo
from iac.ports import Site, StateBackend

PUSHES = 40
"""Pushes of one file, when others with files of their own move its branch meanwhile."""

REFUSALS = 3
"""Times that a server must decline before that is its answer: it also declines while another push is at work."""

_PAUSE = 0.2  # seconds at most between two pushes
_BRANCH_PART = re.compile(r"(?![.-])(?!@\Z)(?!.*(\.\.|@\{|\.lock\Z|\.\Z))[^\x00-\x20\x7f~^:?*\[\\]+")
_PATH_PART = re.compile(r"(?!\.{1,2}\Z)(?!\.git\Z)[^\x00-\x1f\x7f\"\\]+", re.IGNORECASE)


def open_backend(place: GitPlace, site: Site) -> StateBackend:
    """The state of an environment in a branch."""
    return open_remote(site, *open_git(site.root, place))


def open_git(project: Path, place: GitPlace) -> tuple[Cell, Cell]:
    """The cells of the document and of the lock. Nothing is run before their first use.

    Raises:
        InputError: branch or path cannot be one.
    """
    _check("state.branch", place.branch, _BRANCH_PART)
    _check("state.path", place.path, _PATH_PART)
    names = StateRefs(place.branch, place.path, f"refs/iac/lock/{place.branch}/{_as_ref(place.path)}")
    target = place.target(project)
    copy = Copy(project, target, names)
    where = f"{place.path} in branch {place.branch} of {without_userinfo(target)}"
    return _Document(copy, names, where), _Note(copy, names, where)


class _GitCell(Cell):
    """A file in the commit of a ref."""

    def __init__(self, copy: Copy, names: StateRefs, where: str) -> None:
        self.where = where
        self._copy = copy
        self._names = names

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        return Stored(data, self._push(data, old).version or "")

    def _clear(self, old: Stored) -> None:
        self._push(None, old)

    def _push(self, data: bytes | None, old: Stored | None) -> RefVersion:
        """Push until it is in, no answer comes, something else is there, or the server has declined often enough."""
        at, declined = self._start(old), 0
        for attempt in range(PUSHES):
            # Writers of other files on the branch meet here; a random pause keeps them from meeting again at once.
            time.sleep(SystemRandom().uniform(0, _PAUSE) if attempt else 0)
            new = self._make(data, at)
            answer = self._copy.push(self._ref, at.tip, new.tip)
            if answer.code == NO_ANSWER:  # it is not pushed again: the caller reads first whether it took effect
                raise NotStored(answer.said)
            # A push that failed in git's words may have been taken by the server, so the remote is looked at.
            present = new if answer.is_ok else self._at(self._copy.look())
            if present.version == new.version:
                return self._reached(present)
            if present.version != at.version:
                raise NotStored(f"something else is there: {answer.said}")
            if present.tip == at.tip:
                # Nobody moved the branch. A server also declines while another push is at work, so it is asked again.
                declined += 1
                if declined == REFUSALS or not is_declined(answer):
                    raise NotStored(answer.said, is_refusal=is_declined(answer))
            at = present
        raise NotStored(f"the branch was moved by others each of {PUSHES} times")

    def _reached(self, at: RefVersion) -> RefVersion:
        """Keep what is known now of the place."""
        return at

    @property
    @abstractmethod
    def _ref(self) -> str: ...
    @abstractmethod
    def _start(self, old: Stored | None) -> RefVersion: ...
    @abstractmethod
    def _at(self, snapshot: Snapshot) -> RefVersion: ...
    @abstractmethod
    def _make(self, data: bytes | None, at: RefVersion) -> RefVersion: ...


class _Document(_GitCell):
    """The document: a file among others in a branch. Its version is the id of its content."""

    def __init__(self, copy: Copy, names: StateRefs, where: str) -> None:
        super().__init__(copy, names, where)
        self._known: RefVersion | None = None

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._names.branch}"

    def _read(self) -> Stored | None:
        snapshot = self._copy.look()
        self._reached(self._at(snapshot))
        return snapshot.document

    def _start(self, old: Stored | None) -> RefVersion:
        """The tip of the branch; the remote is asked only when the branch was not seen with `old` in it."""
        version = old.version if old else None
        if self._known is None or self._known.version != version:
            self._read()
        if self._known is None or self._known.version != version:
            raise NotStored("something else is there")
        return self._known

    def _at(self, snapshot: Snapshot) -> RefVersion:
        return RefVersion(snapshot.tip, snapshot.document.version if snapshot.document else None)

    def _make(self, data: bytes | None, at: RefVersion) -> RefVersion:
        path = self._names.path
        if at.tip and at.version is None:
            # A file of others is not replaced by a folder for ours.
            parts = path.split("/")[:-1]
            folders = ["/".join(parts[: number + 1]) for number in range(len(parts))]
            for folder, kind in self._copy.kinds(at.tip, folders).items():
                if kind not in {"", "tree"}:
                    raise NotStored(f"{folder} is a file in branch {self._names.branch}", is_refusal=True)
        return self._copy.commit(_subject(path, data), at.tip, path, data)

    def _reached(self, at: RefVersion) -> RefVersion:
        self._known = at
        return at


class _Note(_GitCell):
    """The lock's note: the only file of the commit that a ref of its own points at. Its version is that commit."""

    @property
    def _ref(self) -> str:
        return self._names.lock

    def _read(self) -> Stored | None:
        return self._copy.recent().lock

    def _start(self, old: Stored | None) -> RefVersion:
        version = old.version if old else None
        return RefVersion(version, version)

    def _at(self, snapshot: Snapshot) -> RefVersion:
        return self._start(snapshot.lock)

    def _make(self, data: bytes | None, at: RefVersion) -> RefVersion:
        commit = data and self._copy.commit(f"iac: lock of {self._names.path}", None, NOTE, data).tip
        return RefVersion(commit or None, commit or None)


def _subject(path: str, data: bytes | None) -> str:
    """The subject of a commit: whose document it is and which run wrote it."""
    try:
        members = json.loads(data or b"")
        text = f"iac: {members['environment']} serial {members['serial']}, run {members['run_id']}"
    except (ValueError, KeyError, TypeError):
        text = f"iac: {path}{' removed' if data is None else ''}"
    return printable(text)


def _as_ref(path: str) -> str:
    """The path with what a ref must not hold, or not everywhere, as %XX."""
    return re.sub(r"[^A-Za-z0-9/_-]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), path)


def _check(key: str, name: str, part: re.Pattern[str]) -> None:
    if not all(part.fullmatch(segment) for segment in name.split("/")):
        raise InputError(
            "this cannot be a name in a git repository",
            where=f"{key}: {printable(name)}",
            why="parts between slashes, none of them empty, . or ..; git-check-ref-format says what a branch may be",
            fix=f"correct {key} in iac.yaml",
        )
