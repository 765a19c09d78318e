from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

import pytest

from iac.files import flock, read

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


def test_a_file_is_read_as_far_as_is_asked_for(path: Path) -> None:
    path.write_bytes(b"content")
    assert (b"content", b"con") == (read(path), read(path, 3))


def test_a_pipe_is_read_to_its_end(path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"con")
    threading.Timer(0.1, os.write, [writer, b"tent"]).start()
    threading.Timer(0.2, os.close, [writer]).start()
    assert b"content" == read(path.parent / f"/dev/fd/{reader}")
    os.close(reader)


def test_a_pipe_without_a_writer_is_empty(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    assert b"" == read(path.with_name("pipe"))


def test_a_writer_that_does_not_end_is_not_waited_for(path: Path) -> None:
    reader, writer = os.pipe()
    with pytest.raises(TimeoutError, match=r"does not come to an end within 0\.05 s"):
        read(path.parent / f"/dev/fd/{reader}", longest=0.05)
    os.close(reader)
    os.close(writer)
