"""Answers with members of any kind at any request: no fault in iac itself, nothing lost, and the next run ends it.

Each seed bends some answers of one run in ways that a server without sense may answer. What cannot be told from sense,
such as another text where a text belongs, is none of them. In `make test` the seeds are few; `make live` has many.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.blackbox.bending import BENT
from tests.blackbox.kit import bent
from tests.crash.situation import ONE_BY_ONE
from tests.crash.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iac.sandbox.message import Request, Response
    from tests.crash.situation import Situation

FEW, MANY = 14, 400
READS = (
    ("plan", "--format", "json"),
    ("drift",),
    ("list", "--format", "json", "--columns", "client_id,owners"),
    ("show", "team-updated"),
    ("import", "--match", "*"),
    ("whoami",),
    ("doctor",),
)
CODES = {0, 1, 2, 3, 5, 6}
FAULTS = re.compile(r"a fault in iac itself|Traceback|\b[A-Z]\w*(?:Error|Exception)\b")
"""What no message has: a class of an exception is the word of a program, not of a user."""

WRONG: tuple[Any, ...] = (
    True, 5, -1, 1.5, 10**30, "text", "two\nlines", "half \ud800", [], ["text"], [None], [["text"]], [{}], {},
    {"a": [1]},
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, by the keys that lead there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def is_sense(old: Any, new: Any) -> bool:
    """Whether the new value may be meant where the old one was: then nobody can tell."""
    if isinstance(old, str) and isinstance(new, str):
        return new.isprintable()
    return type(old) is type(new) and not (isinstance(new, list) and new and not isinstance(new[0], str))


def with_wrong_member(response: Response, chance: random.Random) -> Response:
    """The same answer with one member of another kind; as it is where it has none."""
    try:
        body = json.loads(response.body)
    except ValueError:
        return response
    found = list(places(body))
    if not found:
        return response
    path = chance.choice(found)
    wrong = [value for value in WRONG if not is_sense(at(body, path), value)]
    at(body, path[:-1])[path[-1]] = chance.choice(wrong)
    return replace(response, body=json.dumps(body).encode())


class Bender:
    """Bends about one answer in `rarity`, differently with each seed. `told` says what was bent."""

    def __init__(self, seed: int, rarity: int) -> None:
        self.told: list[str] = []
        self._chance = random.Random(seed)
        self._rarity = rarity

    def __call__(self, request: Request, straight: Callable[[], Response]) -> Response:
        response = straight()
        if self._chance.randrange(self._rarity) or response.status >= 400:
            return response
        if self._chance.randrange(3) or not _is_about_a_client(response):
            bent_response = with_wrong_member(response, self._chance)
        else:
            name = self._chance.choice(list(BENT))
            bent_response = BENT[name](response)
        if bent_response is not response:
            self.told.append(f"{request.method} {request.path}: {bent_response.body[:3000]!r}")
        return bent_response


def _is_about_a_client(response: Response) -> bool:
    return b'"client_id"' in response.body and b'"Resources"' not in response.body


def _survive(situation: Situation, seeds: range) -> Tally:
    tally = Tally("seeds")
    for seed in seeds:
        situation.again()
        bender = Bender(seed, rarity=12)
        with bent(situation.sandbox, bender):
            ended = situation.iac(*ONE_BY_ONE)
        label = f"seed {seed}, {bender.told}, {ended.out}{ended.err}"
        assert ended.code in CODES, label
        assert not FAULTS.search(ended.out + ended.err), label
        situation.home.load(situation)
        tally.judge(situation, label, repeats=3)
    return tally


def _read(situation: Situation, seeds: range) -> None:
    situation.again()
    before = (situation.root / ".iac/state.json").read_bytes()
    for seed in seeds:
        bender = Bender(seed, rarity=3)
        command = READS[seed % len(READS)]
        with bent(situation.sandbox, bender):
            ended = situation.iac(*command)
        label = f"seed {seed}, {command}, {bender.told}, {ended.out}{ended.err}"
        assert ended.code in CODES, label
        assert not FAULTS.search(ended.out + ended.err), label
        assert before == (situation.root / ".iac/state.json").read_bytes(), label


def test_a_run_with_answers_of_any_kind_loses_nothing(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _survive(situation, range(FEW)).check(capsys, flavour, FEW)


def test_reads_with_answers_of_any_kind_end_with_a_message(situation: Situation) -> None:
    _read(situation, range(2 * len(READS)))


@pytest.mark.live
@pytest.mark.timeout(1800)
def test_many_runs_with_answers_of_any_kind_lose_nothing(
    situation: Situation, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _survive(situation, range(FEW, FEW + MANY)).check(capsys, flavour, MANY)


@pytest.mark.live
@pytest.mark.timeout(1800)
def test_many_reads_with_answers_of_any_kind_end_with_a_message(situation: Situation) -> None:
    _read(situation, range(MANY))
