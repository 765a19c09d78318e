"""Files that may keep a reader waiting, with an end to the wait: for what is in them, and for their lock."""

from __future__ import annotations

import fcntl
import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        ready = select.poll()
        ready.register(handle, select.POLLIN)
        content = bytearray()
        while len(content) < largest:
            if not ready.poll(max(0.0, ends - time.monotonic()) * 1000):
                raise TimeoutError(None, f"its writer does not come to an end within {longest:g} s")
            piece = os.read(handle, min(_PIECE, largest - len(content)))
            if not piece:
                break
            content += piece
        return bytes(content)
    finally:
        os.close(handle)


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
