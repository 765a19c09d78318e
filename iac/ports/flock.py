"""Waiting for a file's lock, with an end."""

from __future__ import annotations

import fcntl
import time

LONGEST = 300.0
"""Seconds. Who holds such a lock writes a file or renews a token, which has a deadline: longer means that it hangs."""

_POLL = 0.02


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
