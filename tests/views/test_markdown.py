"""Markdown as GitHub's own parser reads it, with texts that want to be something else."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.capabilities import Capabilities
from iac.core.plan.change import Action
from iac.core.plan.plan import Plan
from iac.core.text import printable
from iac.views.kind import BUDGET, SMALLEST_BUDGET
from iac.views.markdown import plan_markdown
from iac.views.words import code
from tests.every import every
from tests.views.hostile import LOADED, TEXTS, everywhere, many
from tests.views.seen import Seen

OURS = {"h3", "h4", "p", "ul", "li", "strong", "blockquote", "code", "details", "summary", "pre"} | {
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
texts = st.one_of(st.sampled_from(TEXTS), st.text(min_size=1), st.text("`\\ \n<&@#|", min_size=1, max_size=20))


def shape(seen: Seen) -> str:
    """The text outside of code, numbers and all."""
    return re.sub(r"\s+", " ", seen.outside)


@given(texts)
def test_a_text_is_one_code_span_and_survives_in_it(text: str) -> None:
    seen = Seen(f"- x {code(text)} y\n")
    assert [printable(text)] == seen.codes
    assert "x  y" == seen.outside.strip()


@pytest.mark.parametrize("length", [1, 79, 80, 81, 300])
def test_runs_of_backticks_of_any_length_stay_inside(length: int) -> None:
    text = f"a {'`' * length} b"
    assert [text] == Seen(code(text)).codes


def test_a_text_with_runs_of_all_lengths_is_escaped() -> None:
    text = " ".join("`" * length for length in range(1, 90))
    assert [text.replace("`", "\\u0060")] == Seen(code(text)).codes


@pytest.mark.slow
@given(texts)
def test_no_text_of_users_is_anything_but_code(text: str) -> None:
    seen = Seen(plan_markdown(everywhere(text), BUDGET))
    assert set() == {tag for tag, _ in seen.elements} - OURS
    assert {("lang", "diff"), ("align", "right")} >= {each for _, rest in seen.elements for each in rest}
    assert [] == seen.others
    assert shape(Seen(plan_markdown(everywhere("x"), BUDGET))) == shape(seen)


@every("text", TEXTS)
def test_every_name_survives_as_text(text: str) -> None:
    seen = Seen(plan_markdown(everywhere(text), BUDGET))
    assert len(Action) <= sum(printable(text) == found for found in seen.codes)


def test_500_changes_with_hostile_names_are_within_the_budget_with_all_names() -> None:
    plan = many(500)
    shown = plan_markdown(plan, BUDGET)
    seen = Seen(shown)
    assert BUDGET >= len(shown)
    assert {printable(change.client_name) for change in plan.changes} <= set(seen.codes)
    assert {change.address for change in plan.changes} <= set(seen.codes)
    assert set() == {tag for tag, _ in seen.elements} - OURS
    assert "| 71 | 71 | 72 | 72 | 72 | 71 | 71 | 0 | 7 |" in shown


def test_what_is_given_up_is_said_first() -> None:
    lines = [line for line in plan_markdown(many(500), BUDGET).splitlines() if line]
    assert lines[0].startswith("### Plan: 71 to delete, ")
    found = re.fullmatch(
        r"> \*\*Shortened to fit: (\d+) findings left out, (\d+) differences left out\.\*\* .*", lines[1]
    )
    assert found
    assert 1000 - int(found[1]) == sum(line.startswith("- **warning**") for line in lines)
    assert 500 - int(found[2]) == lines.count("<details>")


def test_with_less_room_names_of_clients_are_cut_then_left_out_but_no_address() -> None:
    long = Plan("p", "e", "i", Capabilities(provider="v"), tuple(everywhere("n" * 200).changes[0] for _ in range(300)))
    for budget, said in ((90_000, "clients' names cut"), (70_000, "clients' names left out")):
        shown = plan_markdown(long, budget)
        assert re.search(rf"\d+ differences left out, {said}\.", shown)
        assert budget >= len(shown)
        assert 300 <= Seen(shown).codes.count("n" * 200)


@pytest.mark.slow
def test_where_not_even_addresses_fit_their_number_is_said() -> None:
    shown = plan_markdown(many(2000), 10_000)
    assert 10_000 >= len(shown)
    found = re.search(r"(\d[\d,]*) addresses left out", shown)
    assert found
    listed = len(re.findall(r"^- `team/app-", shown, re.MULTILINE))
    assert listed
    assert 2000 == listed + int(found[1].replace(",", ""))
    assert "286 to create" in shown


@pytest.mark.slow
@given(texts, st.integers(SMALLEST_BUDGET, 30_000), st.integers(0, 30))
def test_no_plan_exceeds_its_budget(text: str, budget: int, count: int) -> None:
    for plan in (everywhere(text * count or "x"), many(count, text)):
        shown = plan_markdown(plan, budget)
        assert budget >= len(shown)
        assert plan.digest in shown
        assert set() == {tag for tag, _ in Seen(shown).elements} - OURS


def test_a_plan_that_fits_has_every_difference_and_no_note() -> None:
    lines = plan_markdown(many(20, "x"), BUDGET).splitlines()
    assert not any("Shortened" in line for line in lines)
    assert 20 == lines.count("<details>") == lines.count("</details>")


def test_a_long_value_is_cut_and_says_by_how_much() -> None:
    shown = plan_markdown(many(1, "x" * 3_000), BUDGET)
    assert f"- {'x' * 1_000}… (+2,000 characters)" in shown


def test_deletions_are_warned_of_before_anything_but_the_title() -> None:
    shown = plan_markdown(many(7, "x"), BUDGET)
    assert "> **2 clients will be deleted.**" in shown
    assert (
        shown.index("[!CAUTION]")
        < shown.index("| delete |")
        < shown.index("#### Delete: 1")
        < shown.index("<details>\n")
    )
    assert "[!CAUTION]" not in plan_markdown(many(1, "x"), BUDGET)


@pytest.mark.slow
def test_1000_changes_do_not_take_seconds() -> None:
    plan = many(1000)
    before = process_time()
    plan_markdown(plan, BUDGET)
    assert process_time() - before < 2


def test_the_hostile_name_holds_what_it_should() -> None:
    assert all(each in LOADED for each in ("```", "@team", "::error", "##[error]", "\x1b", "\u202e", "<script>"))
