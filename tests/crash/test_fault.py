"""A fault of the network or the server at each write of the run: the plain `iac apply` after it ends what was begun."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from iac.sandbox.fault import Fault, FaultKind
from tests.crash.situation import ONE_BY_ONE
from tests.crash.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.crash.situation import Situation

Write = tuple[str, str, int]
"""Method, path, and how many writes of the same came before."""

KINDS: dict[str, dict[str, Any]] = {
    "no answer": {"kind": FaultKind.CUT_AFTER},
    "cut before": {"kind": FaultKind.CUT_BEFORE},
    "500 after the effect": {"kind": FaultKind.STATUS_AFTER, "status": 500, "body": "html"},
}


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
        situation.sandbox.faults.add(Fault(method=method, path=path, skip=skip, **KINDS[name]))
        ended = situation.iac(*ONE_BY_ONE)
        assert ended.code in {0, 5}, ended.err
        assert situation.sandbox.faults.describe() == [], f"{method} {path} was not sent again"
        tally.judge(situation, f"{name}: {method} {path}", repeats=1)
    return tally


def _every(writes: Sequence[Write]) -> list[tuple[Write, str]]:
    return [(write, name) for name in KINDS for write in writes]


def test_a_run_with_a_fault_at_a_write_is_ended_by_the_next(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each write with one of the faults in turn."""
    faults = list(zip(_writes(situation), cycle(KINDS), strict=False))
    assert len(faults) >= 14
    _break(situation, faults).check(capsys, flavour, len(faults))


@pytest.mark.live
@pytest.mark.timeout(1200)
def test_every_fault_at_every_write_is_survived(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = _every(_writes(situation))
    _break(situation, faults).check(capsys, flavour, len(faults))


@pytest.mark.live
@pytest.mark.timeout(1200)
def test_every_fault_is_survived_by_a_run_on_another_machine(
    shared: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = _every(_writes(shared))
    _break(shared, faults).check(capsys, f"{flavour}, new machine", len(faults))
