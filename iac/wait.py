"""Files that may keep a reader waiting, with an end to the wait: for what is in them, and for their lock."""

from __future__ import annotations

import fcntl
import os
import select
import time
from pathlib import Path

LONGEST = 300.0
"""Seconds. Who holds such a lock writes a file or renews a token, which has a deadline: longer means that it hangs."""

LARGEST = 256 * 1024 * 1024
"""Bytes of a file that are read: more than the largest state."""

_POLL = 0.02
_PIECE = 1024 * 1024


def read(path: Path, largest: int = LARGEST, longest: float = LONGEST) -> bytes:
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
            piece = _piece(handle, min(_PIECE, largest - len(content)))
            if piece:
                content += piece
            elif piece is not None:
                break
            elif not _is_ready(handle, ends - time.monotonic()):
                raise TimeoutError(None, f"its writer does not come to an end within {longest:g} s")
        return bytes(content)
    finally:
        os.close(handle)


def _piece(handle: int, size: int) -> bytes | None:
    """The next bytes; none at the end, None while a writer has not written them yet.

    It is read before any wait: of a pipe that nobody ever opened to write, poll(2) says nothing, read(2) that it ends.
    """
    try:
        return os.read(handle, size)
    except BlockingIOError:
        return None


def _is_ready(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], max(0.0, seconds))[0])  # few files are open: its number is below 1024


def flock(descriptor: int, kind: int, longest: float = LONGEST) -> None:
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
