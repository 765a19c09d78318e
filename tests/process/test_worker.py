"""Workers: what they answer, what they see, and what ends them."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from iac.process import Failure, ProcessError, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTION = "tests.process.echo:answer"
MEMORY = 400 * 1024 * 1024


@pytest.fixture
def worker() -> Iterator[Worker]:
    with closing(Worker(FUNCTION, memory=MEMORY)) as running:
        yield running


def test_one_process_answers_all_questions(worker: Worker) -> None:
    first = worker.ask(b"pid", seconds=30)
    assert b"a" * 1_000_000 == worker.ask(b"echo " + b"a" * 1_000_000, seconds=30)
    assert b"" == worker.ask(b"echo ", seconds=30)
    assert first == worker.ask(b"pid", seconds=30)


def test_it_sees_nothing_of_the_environment_that_is_secret(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IAC_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "HOME", "BEARER_TOKEN", "PYTHONPATH"):
        monkeypatch.setenv(name, "canary")
    seen = json.loads(worker.ask(b"environment", seconds=30))
    assert {} == {name: value for name, value in seen.items() if value == "canary"}


@pytest.mark.parametrize(
    ("question", "failure"),
    [
        (b"sleep 60", Failure.LATE),
        (b"grow 4000000000", Failure.MEMORY),
        (b"grow 2000000", Failure.LONG),
        (b"end", Failure.ENDED),
    ],
)
def test_a_question_that_goes_too_far_ends_it_and_the_next_one_is_answered(
    worker: Worker, question: bytes, failure: Failure
) -> None:
    before = int(worker.ask(b"pid", seconds=30))
    with pytest.raises(ProcessError) as caught:
        worker.ask(question, seconds=1 if failure is Failure.LATE else 30, limit=1_000_000)
    assert failure == caught.value.failure
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert before != int(worker.ask(b"pid", seconds=30))


def test_it_imports_nothing_from_the_folder_that_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger.py").write_text("def answer(_): return b'from the folder'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with closing(Worker("stranger:answer", memory=MEMORY)) as running, pytest.raises(ProcessError):
        running.ask(b"", seconds=30)
