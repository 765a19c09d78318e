"""Answers of any kind where the server chooses id, secret and token: no fault in iac itself, no second client unsaid.

What nobody can tell any more, such as the only id of a client, is refused by name until somebody consents.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from iac.sandbox.server import start_sandbox
from tests.blackbox.kit import bent
from tests.crash.situation import ONE_BY_ONE
from tests.crash.test_self_service import Open
from tests.fuzz.test_answers import CODES, FAULTS, Bender

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 6, 150


@pytest.fixture(scope="module", params=["iam-self-service", "rfc7591"])
def registrar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with (
        start_sandbox("1.14") as sandbox,
        closing(Open(tmp_path_factory.mktemp("open"), sandbox, request.param)) as prepared,
    ):
        yield prepared


def _survive(registrar: Open, seeds: range) -> list[str]:
    failures: list[str] = []
    for seed in seeds:
        registrar.again()
        bender = Bender(seed, rarity=5)
        with bent(registrar.sandbox, bender):
            ended = registrar.iac(*ONE_BY_ONE)
        label = f"seed {seed}, {bender.told}, {ended.out}{ended.err}"
        assert ended.code in CODES, label
        assert not FAULTS.search(ended.out + ended.err), label
        failures += [f"{label}: {wrong}" for wrong in registrar.judge()]
    return failures


def test_a_run_with_answers_of_any_kind_leaves_no_second_client_without_a_word(registrar: Open) -> None:
    assert [] == _survive(registrar, range(FEW))


@pytest.mark.live
@pytest.mark.timeout(1800)
def test_many_runs_with_answers_of_any_kind_leave_no_second_client_without_a_word(registrar: Open) -> None:
    assert [] == _survive(registrar, range(FEW, FEW + MANY))
