"""How many deaths there were and what became of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.crash.verdict import Verdict, judge

if TYPE_CHECKING:
    import pytest

    from tests.crash.situation import Situation


class Tally:
    """Counts; `failures` says what was not right, and after which interruption.

    Of deaths that leave the same the next run can make no difference: one of them is looked at for all.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.failures: list[str] = []
        self._looked: list[tuple[object, Verdict]] = []
        self._total = self._converged = self._duplicates = self._lost = 0

    def judge(self, situation: Situation, interruption: str, repeats: int) -> None:
        """Count one interrupted run: apply once more and look at everything; `repeats` as in `verdict.judge`."""
        self._count(judge(situation, repeats), interruption)

    def judge_death(self, situation: Situation, death: str, repeats: int) -> None:
        """The same for a run that was killed, of which nothing is left but what is on disks and at the server."""
        left = situation.remains()
        known = [verdict for remains, verdict in self._looked if remains == left]
        verdict = known[0] if known else judge(situation, repeats)
        if not known:
            self._looked.append((left, verdict))
        self._count(verdict, death)

    def _count(self, verdict: Verdict, interruption: str) -> None:
        self._total += 1
        self._converged += verdict.is_converged
        self._duplicates += verdict.duplicates
        self._lost += len(verdict.lost)
        self.failures += [f"{interruption}: {wrong}" for wrong in (*verdict.wrong, *verdict.lost)]

    def __str__(self) -> str:
        return (
            f"{self.what}: {self._total}, converged: {self._converged}, "
            f"duplicate clients: {self._duplicates}, lost secrets: {self._lost}"
        )

    def check(self, capsys: pytest.CaptureFixture[str], flavour: str, expected: int) -> None:
        """Print the counts, and fail unless all of the expected interruptions were survived."""
        looked = f", looked at: {len(self._looked)}" if self._looked else ""
        with capsys.disabled():
            sys.stderr.write(f"\n{flavour}: {self}{looked}\n")
        wanted = f"{self.what}: {expected}, converged: {expected}, duplicate clients: 0, lost secrets: 0"
        assert wanted == str(self), "\n".join(self.failures)
        assert not self.failures, "\n".join(self.failures)
