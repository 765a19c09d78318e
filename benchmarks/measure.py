"""Paired runs: ours, floor, ours, floor, so that a machine which slows down meanwhile slows both."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared: each call is one run and gives what it cost, in the case's unit.

    What a run needs before or after it is done inside the call, but not counted.
    """

    ours: Callable[[], float]
    floor: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of a case's runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours, the floor, and the ratio of each pair of neighbouring runs."""

    ours: Spread
    floor: Spread
    ratio: Spread


def compare(pair: Pair, runs: int) -> Comparison:
    """Run the pair once uncounted (caches, byte code, connections), then `runs` times."""
    pair.ours()
    pair.floor()
    counted = [(pair.ours(), pair.floor()) for _ in range(runs)]
    return Comparison(
        ours=Spread.of([ours for ours, _ in counted]),
        floor=Spread.of([floor for _, floor in counted]),
        ratio=Spread.of([ours / floor for ours, floor in counted]),
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start
