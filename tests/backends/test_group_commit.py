from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from iac.backends import local
from iac.backends.local import GroupCommit
from iac.core.errors import StateError
from tests.backends.given import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iac.core.state.model import Event


class SlowDisk:
    """Writes one group at a time, each only when it is told to."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.started = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.error: BaseException | None = None

    def write(self, events: Sequence[Event]) -> None:
        self.started.release()
        assert self.go.acquire(timeout=10)
        if self.error:
            raise self.error
        self.groups.append(len(events))


def test_those_who_come_during_a_write_share_the_next_one() -> None:
    disk = SlowDisk()
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(commits.record, [written("first")])
        assert disk.started.acquire(timeout=10)
        others = [pool.submit(commits.record, [written("other"), written("another")]) for _ in range(7)]
        _until(lambda: 14 == len(commits._next.events))
        disk.go.release(2)
        for call in (first, *others):
            call.result(timeout=10)
    assert [1, 14] == disk.groups


def test_a_write_that_does_not_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LONGEST_WRITE", 0.05)
    disk = SlowDisk()
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(commits.record, [written("first")])
        assert disk.started.acquire(timeout=10)
        with pytest.raises(StateError, match="the state is not written"):
            commits.record([written("other")])
        disk.go.release()
        first.result(timeout=10)
    assert [1] == disk.groups


def test_a_record_alone_is_written_at_once() -> None:
    disk = SlowDisk()
    disk.go.release(2)
    commits = GroupCommit(disk.write)
    commits.record([written("a")])
    commits.record([written("b")])
    assert [1, 1] == disk.groups


def test_after_a_shared_write_the_next_one_waits_a_moment_for_more_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GATHERING", 1.0)
    disk = SlowDisk()
    disk.go.release(2)
    commits = GroupCommit(disk.write)
    commits._is_shared = True
    together = threading.Barrier(4)

    def record() -> None:
        together.wait(timeout=10)
        commits.record([written("a")])

    with ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(record) for _ in range(4)]:
            call.result(timeout=10)
    assert [4] == disk.groups


def test_a_failed_write_fails_every_caller_of_its_group_and_nobody_else() -> None:
    disk = SlowDisk()
    disk.error = StateError("the disk is full", where="here", why="no room", fix="make room")
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(commits.record, [written("a")]) for _ in range(4)]
        disk.go.release(4)
        errors = [call.exception(timeout=10) for call in calls]
    assert {"the disk is full: here\nno room\nfix: make room"} == {str(error) for error in errors}
    assert 4 == len({id(error) for error in errors})
    disk.error = None
    disk.go.release()
    commits.record([written("b")])
    assert [1] == disk.groups


def test_an_interrupted_write_leaves_nobody_waiting_or_believing() -> None:
    disk = SlowDisk()
    disk.error = KeyboardInterrupt()
    commits = GroupCommit(disk.write)
    disk.go.release()
    with pytest.raises(KeyboardInterrupt):
        commits.record([written("a")])
    disk.error = None
    disk.go.release()
    commits.record([written("b")])
    assert [1] == disk.groups


def _until(condition: object) -> None:
    assert callable(condition)
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not come to that")
