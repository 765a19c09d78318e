"""A budget of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iac.views.words import CharacterBudget


def test_a_block_takes_its_length_and_the_end_of_its_line_to_the_last_character() -> None:
    budget = CharacterBudget(8)
    assert ["abc", "def"] == budget.take(["abc", "def", "g"])
    assert 0 == budget.left
    assert [] == budget.take([""])


def test_all_is_taken_or_nothing() -> None:
    budget = CharacterBudget(7)
    assert not budget.take_all(["abc", "def"])
    assert 7 == budget.left
    assert budget.take_all(["abc", "de"])
    assert 0 == budget.left


def test_a_section_counts_what_does_not_fit() -> None:
    lines, hidden = CharacterBudget(40).section("# Title", ["- first", "- second", "- third", "- no"], most=33)
    assert (["# Title", "", "- first", "- and 3 more", ""], 3) == (lines, hidden)
    assert ([], 0) == CharacterBudget(40).section("# Title", [], most=40)
    assert ([], 1) == CharacterBudget(40).section("# Title", ["- first"], most=5)


@given(st.lists(st.text(max_size=9)), st.integers(0, 80), st.integers(0, 80))
def test_a_section_stays_within_its_share_and_within_the_room(entries: list[str], left: int, most: int) -> None:
    budget = CharacterBudget(left)
    lines, hidden = budget.section("# T", entries, most=most)
    assert left - budget.left == sum(len(line) + 1 for line in lines) <= min(left, most)
    assert not lines or len(lines) - 3 - bool(hidden) == len(entries) - hidden
