"""The one way to put a file in place: whole or not at all, whatever stops the process or the machine.

Content goes to a temporary file in the same folder, which is synced and renamed; then the folder is synced. Readers see
the old file or the new one. A living writer holds a lock on its temporary file, so the next writer in a folder knows
what a killed one has left there, and removes it. The same holds for private folders in TMPDIR.

Files that may keep a reader waiting have an end to the wait: for what is in them, and for their lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import select
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from iac.core.limits import LARGEST_FILE, LONGEST_FILE

PRIVATE = 0o600
"""The mode of a file for its owner alone."""

PRIVATE_FOLDER = 0o700

Stamp = tuple[int, int, int]
"""Inode, modification time (ns) and size: a file that was replaced or appended to has another one."""

_SUFFIX = ".iac-tmp"
_LEFTOVER = re.compile(r"\.(?:.*\.)?[0-9a-f]{16}\.iac-tmp", re.DOTALL)  # iac 0.1 put the file's name in front
_FOLDER = "iac-run-"  # not iac-git-: folders of that name are of iac 0.1, which holds no lock on them
_PRIVATE = re.compile(f"{_FOLDER}.*", re.DOTALL)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV}
_swept: set[Path] = set()


def write(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Replace the content of a file by `data`, or make the file. A symbolic link is replaced, not followed.

    Raises:
        OSError: it cannot be written; it is as before.
    """
    _put(path, data, mode, Path.replace)


def create(path: Path, data: bytes, *, mode: int = PRIVATE, is_alone: bool = True) -> None:
    """Make a new file; where it is one of many, the caller syncs the folder after the last.

    Raises:
        FileExistsError: something has this name already.
        OSError: it cannot be written; nothing has this name.
    """
    _put(path, data, mode, _link, is_alone=is_alone)


def append(path: Path, data: bytes, offset: int) -> None:
    """Write `data` at `offset` and cut off what was there from it on; the file is made when there is none.

    This is for journals: their readers ignore a torn tail, so it writes in place.
    """
    is_new = not path.exists()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, PRIVATE)
    try:
        os.ftruncate(file, offset)
        os.lseek(file, offset, os.SEEK_SET)
        try:
            _write(file, data)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, offset)
            raise
    finally:
        os.close(file)
    if is_new:
        sync(path.parent)


def back_up(path: Path, backup: Path) -> None:
    """Let `backup` be what `path` is now, by a hard link where the file system has these."""
    with suppress(FileNotFoundError):
        backup.unlink()
    try:
        os.link(path, backup)
    except OSError:
        write(backup, path.read_bytes())


def check_folder(folder: Path) -> None:
    """See that files can be put into a folder.

    Raises:
        OSError: they cannot.
    """
    sweep_once(folder)
    temporary, file = _open_temporary(folder)
    os.close(file)
    temporary.unlink()


def make_folder(folder: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Make a folder and those above it, durably; those that are there stay as they are."""
    if not folder.exists():
        make_folder(folder.parent, mode)
        with suppress(FileExistsError):
            folder.mkdir(mode)
        sync(folder.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def stamp(path: Path) -> Stamp:
    """The stamp of a file."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def hold_folder(folder: Path, *, is_writer: bool) -> Iterator[None]:
    """Hold a folder for the moment of one read or write: readers together, a writer alone, in all processes.

    This is not the lock of a run: it makes one compare-and-swap of a document and its journal atomic.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(handle, fcntl.LOCK_EX if is_writer else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove temporary files of writers that are gone."""
    _remove_abandoned(folder, _LEFTOVER, os.O_NONBLOCK, os.unlink)


def sweep_once(folder: Path) -> None:
    """Sweep a folder once in this process: one run may write many files to it."""
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def temporary_folder() -> Path:
    """The folder for temporary files."""
    return Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  # only names that cannot be guessed are made in it


class PrivateFolder(AbstractContextManager["PrivateFolder"]):
    """A folder in TMPDIR for this process alone, until `close`. The next process to make one removes what was killed.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, purpose: str) -> None:
        parent = temporary_folder().absolute()
        _remove_abandoned(parent, _PRIVATE, os.O_DIRECTORY, partial(shutil.rmtree, ignore_errors=True))
        self.path, self._lock = _make_private(parent, purpose)

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            os.close(self._lock)

    def __exit__(self, *_: object) -> None:
        self.close()


def _put(path: Path, data: bytes, mode: int, place: Callable[[Path, Path], object], *, is_alone: bool = True) -> None:
    sweep_once(path.parent)
    temporary, file = _open_temporary(path.parent)
    try:
        try:
            _write(file, data)
            if mode != PRIVATE:
                os.fchmod(file, mode)
            os.fsync(file)
            place(temporary, path)  # under the lock of the temporary file, or a sweep could take it away
        finally:
            os.close(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if is_alone:
        sync(path.parent)


def _link(temporary: Path, path: Path) -> None:
    """Give the file its name unless that is taken; a rename would replace what has it."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):  # a file system without hard links: no call does both at once
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.replace(path)
    else:
        temporary.unlink()


def _open_temporary(folder: Path) -> tuple[Path, int]:
    """A new file with a lock on it. A sweep may take one away between its making and its lock: then another is made."""
    while True:
        path = folder / f".{secrets.token_hex(8)}{_SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        if _hold(path, file):
            return path, file
        os.close(file)


def _hold(path: Path, handle: int) -> bool:
    """Lock what was just made; False when a sweep was faster. A file system without locks is one without sweeps."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.path.lexists(path)


@contextmanager
def _abandoned(path: Path, flags: int) -> Iterator[None]:
    """Hold what a process of ours that is gone has left.

    Raises:
        OSError: it is somebody else's, or its process lives.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | flags)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _make_private(parent: Path, purpose: str) -> tuple[Path, int]:
    while True:
        path = parent / f"{_FOLDER}{purpose}-{secrets.token_hex(8)}"
        path.mkdir(PRIVATE_FOLDER)
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if _hold(path, handle):
                return path, handle
            os.close(handle)


def _remove_abandoned(folder: Path, name: re.Pattern[str], flags: int, remove: Callable[[str], None]) -> None:
    """Remove what has such a name and no living process."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if name.fullmatch(entry.name):
                with suppress(OSError), _abandoned(Path(entry.path), flags):
                    remove(entry.path)


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


_POLL = 0.02
_PIECE = 1024 * 1024


def read(path: Path, largest: int = LARGEST_FILE, longest: float = LONGEST_FILE) -> bytes:
    """The content of a file, at most its first `largest` bytes.

    It may be a pipe, such as a shell's `<(command)`. The plain way to open one waits for its writer without an end.

    Raises:
        OSError: it cannot be read, or its writer does not come to an end.
    """
    ends = time.monotonic() + longest
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        content = bytearray()
        while len(content) < largest:
            # It is read before any wait: of a pipe that nobody ever opened to write, poll(2) says nothing, read(2) that
            # it ends. Few files are open, so their numbers are below the 1,024 that select takes.
            try:
                piece = os.read(handle, min(_PIECE, largest - len(content)))
            except BlockingIOError:
                if not select.select([handle], [], [], max(0.0, ends - time.monotonic()))[0]:
                    raise TimeoutError(None, f"its writer does not come to an end within {longest:g} s") from None
                continue
            if not piece:
                break
            content += piece
        return bytes(content)
    finally:
        os.close(handle)


def flock(descriptor: int, kind: int, longest: float = LONGEST_FILE) -> None:
    """Take the lock of an open file; `kind` is LOCK_EX or LOCK_SH.

    Raises:
        TimeoutError: another process still holds it. It is an OSError with the words for a message.
    """
    ends = time.monotonic() + longest
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise TimeoutError(None, f"another process holds its lock for more than {longest:g} s") from None
            time.sleep(_POLL)
        else:
            return


_PACKAGE = Path(__file__).parent


def resource(packaged: str, checkout: str) -> Path:
    """A file that the wheel holds at `packaged`, below the package, and a checkout at `checkout`.

    An editable installation has no packaged copies.
    """
    file = _PACKAGE / packaged
    return file if file.exists() else _PACKAGE.parent / checkout
