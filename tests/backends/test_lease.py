"""The run's lock in a cell, and what a cell's callers make of its failures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.backends.cell import Cell, NotSettled, NotStored, Stored, settle
from iac.backends.lock import TRIES, UNKNOWN, Lease, Renewal, parse_note, render_note
from iac.clock import SystemClock
from iac.core.errors import LockedError, StateError, UnreachableError
from tests.backends.cells import MemoryCell, Place
from tests.backends.clock import StoppedClock
from tests.backends.contract import LATER, Troubled
from tests.backends.given import HOLDER
from tests.every import every

if TYPE_CHECKING:
    from iac.ports import Holder


class Wrong(Cell):
    """An adapter with a fault: every call ends in a foreign exception."""

    def __init__(self, error: Exception) -> None:
        self.where = "wrong"
        self._error = error

    def _read(self) -> Stored | None:
        raise self._error

    def _swap(self, data: bytes, old: Stored | None) -> Stored:
        del data, old
        raise self._error

    def _clear(self, old: Stored) -> None:
        del old
        raise self._error


def short(seconds: float) -> Holder:
    """A holder whose lock lasts so long, from 12:00 on."""
    return replace(HOLDER, since="2026-11-23T12:00:00Z", expires=f"2026-11-23T12:00:{seconds:09.6f}Z")


def test_a_note_comes_back_as_it_was() -> None:
    assert HOLDER == parse_note(render_note(HOLDER))


@every("data", [b"", b"\xff", b"[]", b"{}", b"null", b'{"run_id": 1}'])
def test_what_is_no_note_names_nobody(data: bytes) -> None:
    assert UNKNOWN == parse_note(data)


def test_a_lock_whose_note_cannot_be_read_is_held_until_it_is_broken() -> None:
    place = Place(b"<html>")
    lock = Lease(MemoryCell(place), StoppedClock())
    with pytest.raises(LockedError) as caught, lock.lock(HOLDER, timeout=0):
        pass
    assert "iac state unlock unknown" in caught.value.fix
    lock.unlock("unknown")
    with lock.lock(HOLDER, timeout=0):
        assert HOLDER == lock.holder()


def test_the_command_that_breaks_a_lock_names_its_environment() -> None:
    place = Place(render_note(HOLDER))
    with (
        pytest.raises(LockedError) as caught,
        Lease(MemoryCell(place), StoppedClock(), "prod").lock(LATER, timeout=0),
    ):
        pass
    assert f"iac --env prod state unlock {HOLDER.run_id}" in caught.value.fix


def test_a_run_that_waits_gets_the_lock_as_soon_as_it_is_free() -> None:
    place = Place(render_note(HOLDER))

    class Freeing(StoppedClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            place.data = None

    clock = Freeing()
    with Lease(MemoryCell(place), clock).lock(LATER, timeout=30):
        assert LATER == parse_note(place.data or b"")
    assert clock.now() < StoppedClock().now().replace(second=5)


def test_a_run_that_waits_in_vain_is_told_after_its_time() -> None:
    clock = StoppedClock()
    with pytest.raises(LockedError), Lease(MemoryCell(Place(render_note(HOLDER))), clock).lock(LATER, timeout=7):
        pass
    assert 7 == (clock.now() - StoppedClock().now()).total_seconds()


def test_the_answer_to_taking_the_lock_may_be_lost() -> None:
    place = Place()
    with Lease(Troubled(MemoryCell(place), "lost"), StoppedClock()).lock(HOLDER, timeout=0):
        assert HOLDER == parse_note(place.data or b"")
    assert place.data is None


def test_a_place_that_lets_nobody_write_is_told_at_once() -> None:
    cell = Troubled(MemoryCell(Place()), "refused", "refused")
    with (
        pytest.raises(UnreachableError, match="cannot be locked") as caught,
        Lease(cell, StoppedClock()).lock(HOLDER, timeout=0),
    ):
        pass
    assert ("no", 1) == (caught.value.why, cell.swaps)


def test_a_place_that_never_takes_the_lock_is_given_up() -> None:
    class Losing(MemoryCell):
        swaps = 0

        def _swap(self, data: bytes, old: Stored | None) -> Stored:
            del data, old
            self.swaps += 1
            raise NotStored("the cable is cut")

    cell = Losing(Place())
    with pytest.raises(UnreachableError, match="cannot be locked"), Lease(cell, StoppedClock()).lock(HOLDER, timeout=0):
        pass
    assert TRIES == cell.swaps


@pytest.mark.parametrize(("is_refusal", "swaps"), [(True, 1), (False, TRIES)])
def test_a_lock_that_is_over_and_cannot_be_taken_over_is_given_up(*, is_refusal: bool, swaps: int) -> None:
    class Guarded(MemoryCell):
        swaps = 0

        def _swap(self, data: bytes, old: Stored | None) -> Stored:
            del data, old
            self.swaps += 1
            raise NotStored("this login may only read", is_refusal=is_refusal)

    over = replace(HOLDER, expires="2020-01-01T00:00:00Z")
    cell = Guarded(Place(render_note(over)))
    with pytest.raises(UnreachableError, match="cannot be locked"), Lease(cell, StoppedClock()).lock(LATER, timeout=0):
        pass
    assert swaps == cell.swaps


def test_a_lock_that_cannot_be_broken_says_why() -> None:
    class Stuck(MemoryCell):
        def _clear(self, old: Stored) -> None:
            del old
            raise NotStored("a hook declined")

    with pytest.raises(UnreachableError) as caught:
        Lease(Stuck(Place(render_note(HOLDER))), StoppedClock()).unlock(HOLDER.run_id)
    assert "a hook declined" == caught.value.why


def test_a_lock_that_cannot_be_freed_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(MemoryCell):
        def _clear(self, old: Stored) -> None:
            del old
            raise NotStored("the cable is cut")

    with Lease(Stuck(Place()), StoppedClock()).lock(HOLDER, timeout=0):
        pass
    assert f"iac state unlock {HOLDER.run_id}" in caplog.text


def test_a_held_lock_is_renewed_while_its_run_lasts() -> None:
    place = Place()
    with Lease(MemoryCell(place), SystemClock()).lock(short(0.05), timeout=0):
        first = place.data
        deadline = time.monotonic() + 10
        while place.data == first and time.monotonic() < deadline:
            time.sleep(0.01)
        assert HOLDER.run_id == parse_note(place.data or b"").run_id
        assert short(0.05).expires < parse_note(place.data or b"").expires
    assert place.data is None


def test_a_renewal_whose_answer_is_lost_goes_on() -> None:
    place = Place()
    stored = MemoryCell(place).swap(render_note(HOLDER), None)
    cell = Troubled(MemoryCell(place), *["lost"] * 1000)
    renewal = Renewal(cell, SystemClock(), short(0.01), stored)
    renewal.start()
    deadline = time.monotonic() + 10
    while cell.swaps < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    MemoryCell(place).clear(renewal.stop())
    assert place.data is None


def test_a_renewal_ends_when_the_lock_was_broken() -> None:
    place = Place()
    stored = MemoryCell(place).swap(render_note(HOLDER), None)
    MemoryCell(place).clear(stored)
    theirs = MemoryCell(place).swap(render_note(LATER), None)
    cell = Troubled(MemoryCell(place))
    renewal = Renewal(cell, SystemClock(), short(0.01), stored)
    renewal.start()
    deadline = time.monotonic() + 10
    while cell.swaps < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert (stored, 1) == (renewal.stop(), cell.swaps)
    assert theirs.data == place.data


@pytest.mark.parametrize("error", [ValueError("odd"), StateError("not here", why="odd")])
def test_a_foreign_error_in_a_write_means_that_its_outcome_is_not_known(error: Exception) -> None:
    cell = Wrong(error)
    with pytest.raises(NotStored, match="odd"):
        cell.swap(b"", None)
    with pytest.raises(NotStored, match="odd"):
        cell.clear(Stored(b"", "1"))


def test_a_foreign_error_in_a_read_is_a_backend_that_cannot_be_reached() -> None:
    with pytest.raises(UnreachableError, match="cannot be read") as caught:
        Wrong(ValueError("odd")).read()
    assert "ValueError: odd" == caught.value.why


def test_a_write_that_can_neither_be_made_nor_looked_at_says_both() -> None:
    cell, clock = Wrong(ValueError("odd")), StoppedClock()
    with pytest.raises(NotSettled, match="odd") as caught:
        settle(cell, b"", None, clock)
    assert not caught.value.is_moved
    assert "cannot be read" in caught.value.reason
    assert 2.5 == (clock.now() - StoppedClock().now()).total_seconds()
