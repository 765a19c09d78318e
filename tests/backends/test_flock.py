from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

import pytest

from iac.ports.flock import flock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.touch()
    return made


def test_a_lock_that_nobody_holds_is_taken(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    flock(descriptor, fcntl.LOCK_EX, 0.0)
    os.close(descriptor)


def test_a_lock_that_stays_held_is_given_up_with_words(path: Path) -> None:
    held, wanted = os.open(path, os.O_RDONLY), os.open(path, os.O_RDONLY)
    flock(held, fcntl.LOCK_EX)
    with pytest.raises(OSError, match="another process holds its lock") as caught:
        flock(wanted, fcntl.LOCK_SH, 0.05)

    assert "another process holds its lock for more than 0.05 s" == caught.value.strerror
    os.close(held)
    os.close(wanted)


def test_a_lock_is_taken_as_soon_as_it_is_free(path: Path) -> None:
    held, wanted = os.open(path, os.O_RDONLY), os.open(path, os.O_RDONLY)
    flock(held, fcntl.LOCK_EX)
    threading.Timer(0.1, os.close, [held]).start()
    flock(wanted, fcntl.LOCK_EX)
    os.close(wanted)
