"""A fault of the network or the server at each write of the run: the plain `iac apply` after it ends what was begun.

An answer that makes no sense is a fault like one that never came: the write has had its effect.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.fault import Fault, FaultKind
from tests.blackbox.bending import BENT, once
from tests.blackbox.kit import bent
from tests.crash.situation import ONE_BY_ONE
from tests.crash.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.crash.situation import Situation

Write = tuple[str, str, int]
"""Method, path, and how many writes of the same came before."""

KINDS: dict[str, dict[str, Any]] = {
    "no answer": {"kind": FaultKind.CUT_AFTER},
    "cut before": {"kind": FaultKind.CUT_BEFORE},
    "500 after the effect": {"kind": FaultKind.STATUS_AFTER, "status": 500, "body": "html"},
}
FAULTS = (*KINDS, *BENT)
"""In an order in which each comes to writes of all sorts when they are dealt out in turn."""


def _writes(situation: Situation) -> list[Write]:
    """The writes of a run without faults."""
    situation.again()
    assert situation.iac(*ONE_BY_ONE).code == 0
    sent = [(method, path) for method, path, _ in situation.sandbox.log if method != "GET" and path != "/token"]
    return [(*write, sent[:number].count(write)) for number, write in enumerate(sent)]


def _break(situation: Situation, faults: Iterable[tuple[Write, str]]) -> Tally:
    tally = Tally("faults")
    for (method, path, skip), name in faults:
        situation.again()
        with _fault(situation, (method, path, skip), name):
            ended = situation.iac(*ONE_BY_ONE)
        assert ended.code in {0, 5}, ended.err
        assert "a fault in iac itself" not in ended.out + ended.err
        tally.judge(situation, f"{name}: {method} {path}", repeats=1)
    return tally


@contextmanager
def _fault(situation: Situation, write: Write, name: str) -> Iterator[None]:
    method, path, skip = write
    if name in BENT:
        bend = once(method, path, BENT[name], skip=skip)
        with bent(situation.sandbox, bend):
            yield
        assert bend.is_done, f"{method} {path} was not sent again"
        return
    situation.sandbox.faults.add(Fault(method=method, path=path, skip=skip, **KINDS[name]))
    yield
    assert situation.sandbox.faults.describe() == [], f"{method} {path} was not sent again"


def _every(writes: Sequence[Write]) -> list[tuple[Write, str]]:
    return [(write, name) for name in FAULTS for write in writes]


def test_a_run_with_a_fault_at_a_write_is_ended_by_the_next(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each write with one of the faults in turn, and each fault; with the other flavour they are other pairs."""
    start = len(FAULTS) // 2 if flavour == "1.14" else 0
    faults = list(zip(_writes(situation), cycle(FAULTS[start:] + FAULTS[:start]), strict=False))
    assert set(FAULTS) == {name for _, name in faults}
    _break(situation, faults).check(capsys, flavour, len(faults))


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_every_fault_at_every_write_is_survived(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = _every(_writes(situation))
    _break(situation, faults).check(capsys, flavour, len(faults))


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_every_fault_is_survived_by_a_run_on_another_machine(
    shared: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = _every(_writes(shared))
    _break(shared, faults).check(capsys, f"{flavour}, new machine", len(faults))
