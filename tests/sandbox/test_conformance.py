"""The sandbox answers every recorded request as the recorded server did."""

import pytest

from iac.sandbox.flavour import Flavour
from tests.sandbox.replay import FIXTURES, ORDER, recording, replay, scenarios

CASES = [(flavour, scenario) for flavour in Flavour for scenario in scenarios(flavour)]


@pytest.mark.parametrize(("flavour", "scenario"), CASES, ids=str)
def test_the_sandbox_answers_as_the_recorded_server(flavour: Flavour, scenario: str) -> None:
    exchanges = recording(flavour, scenario)
    found = replay(flavour)[scenario]
    assert len(exchanges) == len(found)
    failures = [
        f"[{index}] {exchange['request']['method']} {exchange['request']['path']} {difference}"
        for index, (exchange, every) in enumerate(zip(exchanges, found, strict=True))
        for difference in every
    ]
    assert not failures


def test_every_recording_is_replayed() -> None:
    on_disk = {(flavour, path.stem) for flavour in Flavour for path in (FIXTURES / flavour).glob("*.json")}
    assert on_disk == set(CASES)
    assert sorted(set(ORDER)) == sorted(ORDER)
    expected = 1329
    assert expected == sum(len(recording(*case)) for case in CASES)
