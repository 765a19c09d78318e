"""kill -9 anywhere in a run of the real command: the plain `iac apply` after it ends what was begun.

In `make test` the deaths are an even spread over all; every one in `make live`.
"""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from tests.crash.calls import Moment, Point, points_of
from tests.crash.situation import ONE_BY_ONE
from tests.crash.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.situation import Situation

KILLED = -signal.SIGKILL
IN_PARALLEL = ("apply", "--auto-approve", "--parallelism", "4")


def _spread(points: Sequence[Point], count: int, flavour: str) -> list[Point]:
    """As many of the points, evenly spread; between them those of the other flavour."""
    start = len(points) // (2 * count) if flavour == "1.14" else 0
    return [points[start + number * len(points) // count] for number in range(count)]


def _chosen(calls: Sequence[str], chance: random.Random) -> Point:
    return Point(chance.randrange(len(calls)), chance.choice(list(Moment)))


def _lost(situation: Situation, in_flight: int) -> int:
    """Rotations that must be done again when so many of them are cut off: up to 1.13 the secret is read back."""
    return in_flight if situation.sandbox.iam.flavour == "1.14" else 0


def _kill(situation: Situation, points: Sequence[Point]) -> Tally:
    tally = Tally("kill points")
    for point in points:
        situation.again()
        where = f"killed {point.moment} call {point.number}, {situation.calls[point.number]}"
        assert situation.iac(*ONE_BY_ONE, last=point).code == KILLED, where
        tally.judge_death(situation, where, _lost(situation, 1))
    return tally


def _kill_in_parallel(situation: Situation, count: int) -> Tally:
    """Which call has which number is chance; so is, at the end of a run, whether it comes to it."""
    chance, tally = random.Random(4), Tally("kill points")
    for _ in range(count):
        situation.again()
        point = _chosen(situation.calls, chance)
        assert situation.iac(*IN_PARALLEL, last=point).code in {KILLED, 0}
        tally.judge(situation, f"killed {point.moment} call {point.number} of four in flight", _lost(situation, 2))
    return tally


def _kill_twice(situation: Situation, count: int) -> Tally:
    """The run that would mend it all is killed too; one that has less to do may end before."""
    chance, tally = random.Random(2), Tally("kill points")
    for _ in range(count):
        situation.again()
        points = [_chosen(situation.calls, chance) for _ in range(2)]
        assert situation.iac(*ONE_BY_ONE, last=points[0]).code == KILLED
        assert situation.iac(*ONE_BY_ONE, last=points[1]).code in {KILLED, 0}
        tally.judge(situation, f"killed at {points[0]} and at {points[1]}", _lost(situation, 2))
    return tally


def test_a_run_that_is_killed_is_ended_by_the_next(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 16
    _kill(situation, _spread(points_of(situation.calls), count, flavour)).check(capsys, flavour, count)


def test_a_run_that_is_killed_with_four_requests_in_flight_is_ended_by_the_next(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _kill_in_parallel(situation, 5).check(capsys, flavour, 5)


def test_two_runs_that_are_killed_are_ended_by_the_third(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _kill_twice(situation, 4).check(capsys, flavour, 4)


def test_a_run_whose_machine_is_gone_is_ended_on_another(
    shared: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its state is in a git repository; nothing of its disk is left."""
    count = 6
    _kill(shared, _spread(points_of(shared.calls), count, flavour)).check(capsys, f"{flavour}, new machine", count)


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_every_death_is_survived(situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]) -> None:
    points = points_of(situation.calls)
    assert len(points) >= 500
    _kill(situation, points).check(capsys, flavour, len(points))


@pytest.mark.live
@pytest.mark.timeout(7200)
def test_every_death_of_a_machine_is_survived(
    shared: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    points = points_of(shared.calls)
    assert len(points) >= 500
    assert 4 <= sum(call == "run git push" for call in shared.calls)
    _kill(shared, points).check(capsys, f"{flavour}, new machine", len(points))


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_many_deaths_in_parallel_and_in_pairs_are_survived(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _kill_in_parallel(situation, 60).check(capsys, flavour, 60)
    _kill_twice(situation, 60).check(capsys, flavour, 60)


def test_the_run_does_a_bit_of_everything(situation: Situation) -> None:
    """What the deaths are worth: no write of the API and no call of the system is missing."""
    situation.again()
    situation.iac(*ONE_BY_ONE)
    requests = {(method, path.partition("?")[0].rpartition("/")[2]) for method, path, _ in situation.sandbox.log}
    written = {("POST", "clients"), ("PUT", "grafana"), ("PUT", "new-forced"), ("PUT", "team-updated")}
    written |= {("PUT", "team-closed"), ("PUT", "team-opened"), ("POST", "secret"), ("DELETE", "team-gone")}
    written |= {("DELETE", "team-renamed")}
    assert set() == written - requests
    kinds = {call.split()[0] for call in situation.calls}
    assert {"open", "write", "pwrite", "ftruncate", "fsync", "link", "replace", "unlink"} < kinds
    assert {"connect", "send", "recv"} < kinds
