"""The benchmarks run: each case at a tiny size. What they measure is no matter of tests."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from benchmarks.__main__ import main
from benchmarks.bench import Bench, WrongResultError
from benchmarks.cases import CASES, Case
from benchmarks.measure import Comparison, Pair, Spread, compare
from benchmarks.process import ProcessError, peak_mb, run
from benchmarks.server import PACES
from benchmarks.server import start_sandbox as start_process
from benchmarks.table import Row, render_table
from iac.sandbox.server import start_sandbox

if TYPE_CHECKING:
    from pathlib import Path

TINY = ["--size", "12", "--runs", "1"]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The cells of each row, by case, of one tiny run of everything."""
    file = tmp_path_factory.mktemp("benchmarks") / "said"
    with file.open("w") as said, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", said)
        assert main([*TINY, "--flavour", "1.14", "--pace", "full"]) == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in file.read_text().splitlines() if "|" in line]
    return {row[0]: row for row in rows}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_runs_and_prints_its_ratio(printed: dict[str, list[str]], case: Case) -> None:
    _, what, server, ours, floor, ratio, target, verdict = printed[case.name]
    assert case.what.format(n=12 * case.factor) == what
    assert ("1.14" if case.needs_server else "-") == server
    assert all(cell.endswith(")") and float(cell.split()[0]) > 0 for cell in (ours, floor, ratio))
    assert (target == "-") is (verdict == "") is (case.target is None)


def test_a_server_by_its_address_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IAC_CLIENT_ID", "admin-client-rw")
    monkeypatch.setenv("IAC_CLIENT_SECRET", "secret")
    with start_sandbox("1.12") as sandbox:
        before = [client.client_id for client in sandbox.iam.world.store.clients()]
        assert main([*TINY, "--url", sandbox.issuer, "--only", "create", "--only", "plan", "--only", "memory-10"]) == 0
        assert before == [client.client_id for client in sandbox.iam.world.store.clients()]
    said = capsys.readouterr().out
    assert "| 127.0.0.1 |" in said
    assert "memory-10" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "https://iam.example.org/"], "iam.example.org is another machine"),
        (["--url", "http://localhost:1/", "--size", "1001"], "take --size 1000 and --runs 10 at most"),
        (["--url", "http://localhost:1/", "--runs", "11"], "take --size 1000 and --runs 10 at most"),
        (["--url", "https://iam.example.org/", "--i-own-this-server"], "set IAC_CLIENT_ID and IAC_CLIENT_SECRET"),
    ],
)
def test_what_could_harm_a_server_is_refused(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IAC_CLIENT_ID", raising=False)
    assert main([*arguments, "--only", "plan"]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--size", "-1"], ["--only", "everything"]])
def test_nonsense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2


def test_ours_and_floor_take_turns_after_one_uncounted_pair() -> None:
    ours, floor = iter([9.0, 2.0, 3.0, 8.0]), iter([9.0, 1.0, 3.0, 2.0])
    found = compare(Pair(lambda: next(ours), lambda: next(floor)), runs=3)
    assert Comparison(ours=Spread(3, 2, 8), floor=Spread(2, 1, 3), ratio=Spread(2, 1, 4)) == found


@pytest.mark.parametrize(
    ("unit", "target", "verdict"), [("s", 2.0, "ok"), ("s", 1.9, "over"), ("MB", 80, "ok"), ("MB", 79, "over")]
)
def test_the_median_is_held_against_the_target(unit: str, target: float, verdict: str) -> None:
    case = Case(name="made up", what="{n} clients", open=CASES[0].open, target=target, unit=unit)
    row = Row(case, 7, "1.14", Comparison(Spread(80, 70, 90), Spread(40, 30, 50), Spread(2, 1, 3)))
    assert render_table([row]).splitlines()[2].endswith(f"| {verdict} |")


def test_a_failing_process_says_how_it_failed() -> None:
    with pytest.raises(ProcessError, match=r"exit code 3: out of luck"):
        run([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"], {})
    with pytest.raises(ProcessError, match="exit code 3"):
        peak_mb([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_peak_memory_is_that_of_the_process_alone() -> None:
    small = peak_mb([sys.executable, "-c", "pass"], {})
    large = peak_mb([sys.executable, "-c", "b'x' * 80_000_000"], {})
    assert 0 < small < 60
    assert 75 < large - small < 90


def test_the_real_pace_delays_every_kind_of_request() -> None:
    with start_process("1.12", "real") as server, urlopen(f"{server.issuer}sandbox/faults") as answer:
        waiting = json.load(answer)
    assert {(method, path) for method, path, _ in PACES["real"]} == {(w["method"], w["path"]) for w in waiting}


def test_a_case_about_a_server_needs_one(tmp_path: Path) -> None:
    with pytest.raises(WrongResultError, match="needs a server"):
        _ = Bench(tmp_path, 1, "nobody").issuer
