"""Outputs as files of the project: private, whole or not at all, never through a symbolic link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from iac import files
from iac.core.errors import Diagnostic, RenderError
from iac.ports import Comparison, Delivery, OutputSite, Sink
from iac.sinks.file import FileOutputs

_GIT = ".git"
_FIXES = {
    "read": "correct its permissions, or what is at its path",
    "written": "make room or permissions, then run: iac render",
    "removed": "correct the permissions of its folder, then run: iac apply",
}


def open_sink(_: FileOutputs, at: OutputSite) -> Sink:
    """The files of a project."""
    return FileSink(at.site.root)


class FileSink(Sink):
    """Files below one folder.

    Readers see the old content or the new, and a crash or a full disk leaves the old (`iac.files`).

    Args:
        root: the project's folder; nothing is written outside of it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def _check(self, path: str, content: bytes) -> None:  # any content can be written
        with _explained(path, "written"):
            files.check_folder(_nearest_folder(self._target(path).parent))

    def _write(self, path: str, content: bytes, *, mode: int, is_new: bool) -> bool:
        with _explained(path, "written"):
            target = self._target(path)
            files.make_folder(target.parent)
            files.sweep_once(target.parent)
            if _is_as_wanted(target, content, mode):
                return False
            files.write(target, content, mode=mode)
        return True

    def _compare(self, path: str, content: bytes, mode: int | None) -> Comparison:
        return self._held_against(path, content.__eq__, mode)

    def _look(self, path: str, delivery: Delivery | None, mode: int | None) -> Comparison:
        return self._held_against(path, delivery.is_of if delivery else lambda _: False, mode)

    def _held_against(self, path: str, is_wanted: Callable[[bytes], bool], mode: int | None) -> Comparison:
        content = self._read(path)
        if content is None or not is_wanted(content):
            return Comparison.NOTHING if content is None else Comparison.OTHER
        return Comparison.AS_WANTED if mode in {None, _mode(self._target(path))} else Comparison.OTHER_MODE

    def _read(self, path: str) -> bytes | None:
        with _explained(path, "read"):
            target = self._target(path)
            return target.read_bytes() if target.exists() else None

    def _remove(self, path: str) -> None:
        with _explained(path, "removed"):
            target = self._target(path)
            if target.exists():
                target.unlink()
                files.sync(target.parent)

    def _place(self, path: str) -> str:
        with _explained(path, "read"):
            return str(self._target(path))

    def _exposed(self, paths: Collection[str]) -> Mapping[str, Diagnostic]:
        from iac.git import find_exposed  # only where outputs are written

        targets: dict[str, Path] = {}
        for path in paths:
            with suppress(RenderError), _explained(path, "read"):  # nothing is written there: check and write refuse it
                targets[path] = self._target(path)
        return find_exposed(self._root, targets)

    def _target(self, path: str) -> Path:
        """The file itself, in a folder without symbolic links that is inside the project."""
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or not relative.name:
            raise _outside(path, "an output's path is relative to the project and stays inside it")
        target = Path(os.path.realpath(self._root / relative.parent)) / relative.name
        if not target.is_relative_to(self._root):
            raise _outside(path, "a folder on its way is a symbolic link that leads out of the project")
        if any(part.casefold().startswith(_GIT) for part in target.relative_to(self._root).parts):
            raise _outside(path, "git or a forge may run a file there as a program")
        _refuse_others(target, path)
        return target


def _outside(path: str, why: str) -> RenderError:
    return RenderError("the output lies outside the project", where=path, why=why, fix="change the output's path")


def _refuse_others(target: Path, path: str) -> None:
    """Only a regular file may be replaced, read or removed."""
    with suppress(FileNotFoundError):
        mode = target.lstat().st_mode
        if stat.S_ISREG(mode):
            return
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise RenderError(
            "something else is at the output's path",
            where=path,
            why=f"there is {kind}",
            fix="remove it, or change the output's path",
        )


@contextmanager
def _explained(path: str, done: str) -> Iterator[None]:
    """Turn errors of the operating system into one that says which output cannot be read, written or removed."""
    try:
        yield
    except OSError as error:
        raise RenderError(
            f"the output cannot be {done}",
            where=path,
            why=f"{error.strerror}",
            fix=_FIXES[done],
        ) from error


def _nearest_folder(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _is_as_wanted(target: Path, content: bytes, mode: int) -> bool:
    return target.exists() and _mode(target) == mode and target.read_bytes() == content


def _mode(target: Path) -> int:
    return stat.S_IMODE(target.stat().st_mode)
