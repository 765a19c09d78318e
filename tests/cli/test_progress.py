"""The live line, the lines of a log, and what is printed of each thing that has ended."""

from __future__ import annotations

import io
import sys

import pytest

from iac.cli.progress import NestedProgress, ShownProgress
from iac.ports.progress import SILENT


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("iac.cli.progress.time", clock)
    return clock


class Printed:
    """What was printed until now."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._out = self._err = ""

    def _read(self) -> None:
        said = self._capsys.readouterr()
        self._out += said.out
        self._err += said.err

    @property
    def out(self) -> str:
        self._read()
        return self._out

    @property
    def err(self) -> str:
        self._read()
        return self._err

    @property
    def live(self) -> str:
        """The live line as it is now."""
        return self.err.rpartition("\r\x1b[K")[2]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    monkeypatch.setenv("COLUMNS", "200")
    return Printed(capsys)


def told(result: object) -> tuple[str, bool]:
    return f"{result} ended", result == "bad"


def test_the_live_line_says_how_far_what_failed_how_long_and_who_is_waited_for(clock: Clock, printed: Printed) -> None:
    progress = ShownProgress(told, is_live=True)
    progress.begin(5, "client")
    for name in ("a", "b", "c"):
        progress.enter(name)
    assert "0 of 5 clients done, 3 in flight" == printed.live
    clock.now += 60
    progress.leave("a", "good")
    progress.leave("b", "bad")
    assert "2 of 5 clients done, 1 in flight, 1 failed, about 90 s left" == printed.live
    progress.wait("https://iam answers 503: asked again in 20 s\x1b")
    assert printed.live.endswith("left, https://iam answers 503: asked again in 20 s\\u001b")
    with progress.aside():
        assert "" == printed.live
    clock.now += 540
    progress.leave("c", "good")
    assert "3 of 5 clients done, 1 failed, about 7 min left" == printed.live
    progress.end()
    assert "" == printed.live
    assert "good ended\nbad ended\ngood ended\n" == printed.out


def test_environments_share_one_live_line_and_their_notes_stand_above_it(printed: Printed) -> None:
    progress = ShownProgress(is_live=True)
    progress.begin(2, "environment")
    dev = NestedProgress(progress, "dev")
    dev.begin(5, "client")
    dev.enter("a")
    assert "0 of 2 environments done" == printed.live
    dev.wait("run x holds the lock")
    assert "0 of 2 environments done, dev: run x holds the lock" == printed.live
    dev.leave("a", "good")
    dev.end()
    with dev.aside():
        assert "" == printed.live
    progress.leave("dev")
    assert "1 of 2 environments done" == printed.live
    progress.end()


def test_a_log_gets_each_line_at_once_and_no_live_line(printed: Printed) -> None:
    progress = ShownProgress(told)
    progress.begin(2, "client")
    progress.leave("a", "good")
    assert "good ended\n" == printed.out
    progress.wait("run x holds the lock")
    progress.end()
    assert "run x holds the lock\n" == printed.err


def test_beside_a_document_lines_go_to_stderr_and_quiet_keeps_them_back(printed: Printed) -> None:
    ShownProgress(told, to_stderr=True).leave("a", "good")
    ShownProgress(told, to_stderr=True, is_quiet=True).leave("a", "well")
    ShownProgress(told, is_quiet=True).wait("for a lock")
    assert ("", "good ended\n") == (printed.out, printed.err)


def test_work_without_lines_is_logged_now_and_then(clock: Clock, printed: Printed) -> None:
    progress = ShownProgress()
    progress.begin(100, "client", "asked for their owners")
    for _ in range(30):
        clock.now += 1
        progress.leave("")
    lines = printed.err.splitlines()
    assert "10 of 100 clients asked for their owners, about 90 s left" == lines[0]
    assert 3 == len(lines)


def test_a_stream_that_is_closed_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", Closed())
    progress = ShownProgress(told, is_live=True)
    progress.begin(1, "client")
    progress.enter("a")
    progress.leave("a", "good")
    progress.wait("x")
    progress.end()


def test_silence_hears_everything_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert [("a", 1)] == list(SILENT.over({"a": 1}, "client"))
    SILENT.wait("x")
    SILENT.end()
    with SILENT.aside():
        pass
    assert ("", "") == capsys.readouterr()
