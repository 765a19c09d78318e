"""Files that survive a crash: whole replacement, appending, and a lock for the moment of a write.

Every file is 0600. When a function returns its effect is on the disk; when it raises OSError, or the machine stops
inside it, the file is as before or as wanted, never in between (a file that is appended to may have a torn tail).
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from iac.ports.flock import flock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Stamp = tuple[int, int, int]
"""Inode, modification time (ns) and size: a file that was replaced or appended to has another one."""


def stamp(path: Path) -> Stamp:
    """The stamp of a file."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file's content: temp file, fsync, rename, fsync of the directory.

    The temp file's name is fixed, so a crash leaves at most one; it is never opened through a link.
    """
    temp = _temp(path)
    temp.unlink(missing_ok=True)
    file = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            _write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        temp.replace(path)
    except OSError:
        with suppress(OSError):
            temp.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sweep(*paths: Path) -> None:
    """Remove the temp files that `replace` left where it was killed; no other process may be replacing these files."""
    for path in paths:
        _temp(path).unlink(missing_ok=True)


def append(path: Path, data: bytes, offset: int) -> None:
    """Write `data` at `offset`, cutting off what is there from it on; the file is made when there is none."""
    is_new = not path.exists()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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
        sync_directory(path.parent)


def keep(path: Path, backup: Path) -> None:
    """Let `backup` be what `path` is now, by a hard link where the file system has these."""
    backup.unlink(missing_ok=True)
    try:
        backup.hardlink_to(path)
    except OSError:
        replace(backup, path.read_bytes())


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def moment(directory: Path, *, is_writer: bool) -> Iterator[None]:
    """Hold a directory for the moment of one read or write: readers together, a writer alone, in all processes.

    This is no run's lock: it makes one compare-and-swap of a document and its journal atomic.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(handle, fcntl.LOCK_EX if is_writer else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _temp(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp")


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
