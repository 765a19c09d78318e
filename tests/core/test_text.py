from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.text import is_id, nearest, printable, reason, side_by_side
from tests.every import every


@every(
    "text, shown",
    [
        ("plain text", "plain text"),
        ("Grüße, 日本", "Grüße, 日本"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("two\nlines\r", "two\\u000alines\\u000d"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("a\u00a0b", "a\\u00a0b"),
        ("x ##[error]y", "x #\\u0023[error]y"),
        ("::error::y", "\\u003a:error::y"),
        ("  ::add-mask::a", "  \\u003a:add-mask::a"),
        ("a ::error::y", "a ::error::y"),
        (":a", ":a"),
        ("###[add-mask]a", "##\\u0023[add-mask]a"),
    ],
)
def test_what_could_fool_a_reader_is_escaped(text: str, shown: str) -> None:
    assert shown == printable(text)


def test_a_reason_is_in_words() -> None:
    assert "Connection refused" == reason(OSError("[Errno 111] Connection refused"))
    assert "TimeoutError" == reason(TimeoutError())


@given(st.one_of(st.text(), st.text("#[a\n: ")))
def test_any_text_becomes_one_printable_line_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert "##[" not in shown
    assert not shown.lstrip().startswith("::")
    assert shown == printable(shown)


def test_the_nearest_word_is_asked_about_and_a_far_one_is_not() -> None:
    assert "did you mean portal?" == nearest("potral", ["grafana", "portal"])
    assert "" == nearest("portal", ["grafana"])
    assert "" == nearest("portal", [])


def test_two_texts_are_cut_around_the_first_place_where_they_differ() -> None:
    assert ("short", "other") == side_by_side("short", "other", 10)
    one, other = side_by_side("a" * 50 + "b" + "c" * 50, "a" * 50 + "d" + "c" * 50, 10)
    assert ("...aaaaabcccc...", "...aaaaadcccc...") == (one, other)
    assert ("...aaaaa", "...aaaaa!") == side_by_side("a" * 50, "a" * 50 + "!", 10)
    assert ("xaaaaaaaaa...", "yaaaaaaaaa...") == side_by_side("x" + "a" * 50, "y" + "a" * 50, 10)


@pytest.mark.parametrize("word", ["team/servica-00777", "team/service-0777", "taem/service-00777"])
def test_of_many_words_those_that_begin_or_end_like_it_are_compared(word: str) -> None:
    known = [f"team/service-{number:05}" for number in range(1000)]
    assert "did you mean team/service-00777?" == nearest(word, known)


def test_an_id_is_one_line_in_which_tabs_may_be() -> None:
    assert all(map(is_id, ("app", "rec odd", "rec\todd", "rec-\u00f6dd")))
    assert not any(map(is_id, ("", "a\nb", "a\x00b", "a\u200bb")))
