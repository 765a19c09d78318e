"""The sandbox answers every recorded request as the recorded server did."""

from dataclasses import fields, replace

import pytest

from iac.sandbox.flavour import FACTS, Facts, Flavour
from tests.sandbox.replay import FIXTURES, ORDER, recording, replay, replay_now, scenarios

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


NOT_RECORDED = {
    "version": "no recording asks /actuator/info",
    "unknown_token_named": "a text, and texts are not compared; tests/sandbox/test_iam.py looks at it",
    "owner_rotates": "from IAM's sources; tests/sandbox/test_self_service.py looks at it",
    "secret_bytes": "secrets are fed from the recorded answers; tests/sandbox/test_iam.py looks at their length",
}
DIFFERING = [
    field.name
    for field in fields(Facts)
    if field.name not in NOT_RECORDED
    and getattr(FACTS[Flavour.V1_12], field.name) != getattr(FACTS[Flavour.V1_14], field.name)
]


@pytest.mark.parametrize("name", DIFFERING)
def test_each_fact_of_a_flavour_is_held_by_a_recording(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one fact of 1.12 in place of 1.14's, some exchange differs."""
    mixed = replace(FACTS[Flavour.V1_14], **{name: getattr(FACTS[Flavour.V1_12], name)})
    monkeypatch.setitem(FACTS, Flavour.V1_14, mixed)
    assert any(every for found in replay_now(Flavour.V1_14).values() for every in found)


def test_no_fact_is_the_same_everywhere() -> None:
    assert set(DIFFERING) | set(NOT_RECORDED) == {field.name for field in fields(Facts)}


def test_every_recording_is_replayed() -> None:
    on_disk = {(flavour, path.stem) for flavour in Flavour for path in (FIXTURES / flavour).glob("*.json")}
    assert on_disk == set(CASES)
    assert sorted(set(ORDER)) == sorted(ORDER)
    expected = 1329
    assert expected == sum(len(recording(*case)) for case in CASES)
