"""The sandbox answers every recorded request as the recorded server did."""

from dataclasses import fields, replace

import pytest

from iac.sandbox.flavour import FACTS, Flavour, FlavourFacts
from iac.sandbox.gaps import GAPS
from tests.every import every
from tests.sandbox import oauth
from tests.sandbox.replay import FIXTURES, ORDER, recording, replay, replay_now, scenarios

CASES = [(flavour, scenario) for flavour in Flavour for scenario in scenarios(flavour)]


@every("flavour, scenario", CASES, ids=str)
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
    "secret_bytes": "secrets are fed from the recorded answers; tests/sandbox/test_iam.py looks at their length",
}
DIFFERING = [
    field.name
    for field in fields(FlavourFacts)
    if field.name not in NOT_RECORDED
    and getattr(FACTS[Flavour.V1_12], field.name) != getattr(FACTS[Flavour.V1_14], field.name)
]


OAUTH_CASES = [(flavour, name) for flavour in oauth.FLAVOURS for name in oauth.scenarios(flavour)]


@every("flavour, scenario", OAUTH_CASES, ids=str)
def test_the_login_side_agrees_with_the_recorded_server(flavour: Flavour, scenario: str) -> None:
    compared, _ = oauth.replay(flavour, scenario)
    exchanges = oauth.recording(flavour, scenario)
    assert len(exchanges) == len(compared)
    failures = [
        f"[{index}] {exchange['request']['method']} {exchange['request']['path']} {difference}"
        for index, (exchange, every) in enumerate(zip(exchanges, compared, strict=True))
        for difference in every or ()
    ]
    assert not failures


def test_what_the_sandbox_does_not_answer_stands_in_its_table_of_gaps() -> None:
    """The table is the only skip list; what needs a value of such an answer is skipped with it."""
    replays = [oauth.replay(*case) for case in OAUTH_CASES]
    assert set().union(*(said for _, said in replays)) <= set(GAPS)
    skipped = sum(every is None for compared, _ in replays for every in compared)
    assert (1814, 14) == (sum(len(compared) for compared, _ in replays), skipped)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERING)
def test_each_fact_of_a_flavour_is_held_by_a_recording(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one fact of 1.12 in place of 1.14's, some exchange differs."""
    mixed = replace(FACTS[Flavour.V1_14], **{name: getattr(FACTS[Flavour.V1_12], name)})
    monkeypatch.setitem(FACTS, Flavour.V1_14, mixed)
    assert any(every for found in replay_now(Flavour.V1_14).values() for every in found) or any(
        every for case in OAUTH_CASES if case[0] is Flavour.V1_14 for every in oauth.replay_now(*case)[0]
    )


def test_no_fact_is_the_same_everywhere() -> None:
    assert set(DIFFERING) | set(NOT_RECORDED) == {field.name for field in fields(FlavourFacts)}


def test_every_recording_is_replayed() -> None:
    on_disk = {(flavour, path.stem) for flavour in Flavour for path in (FIXTURES / flavour).rglob("*.json")}
    assert on_disk == {*CASES, *OAUTH_CASES}
    assert sorted(set(ORDER)) == sorted(ORDER)
    expected = 1329
    assert expected == sum(len(recording(*case)) for case in CASES)
