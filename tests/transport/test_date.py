from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iac.transport.message import TOLERANCE, parse_date, skew_words
from tests.every import every


@pytest.mark.parametrize("text", [None, "", "soon", "Mon, 99 Nov 2026 12:00:00 GMT"])
def test_no_date_is_none(text: str | None) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("text", ["Mon, 23 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 2026 12:00:00 -0000"])
def test_a_date_is_aware(text: str) -> None:
    assert datetime(2026, 11, 23, 12, tzinfo=UTC) == parse_date(text)


@every(
    "skew, words",
    [
        (None, ""),
        (TOLERANCE, ""),
        (-TOLERANCE, ""),
        (45.4, "this machine's clock is 45 s behind the server's"),
        (-3599.0, "this machine's clock is 59 min ahead of the server's"),
        (7200.0, "this machine's clock is 2 h behind the server's"),
        (-200_000.0, "this machine's clock is 2 d ahead of the server's"),
    ],
)
def test_clocks_that_differ_are_put_in_words_from_a_tolerance_on(skew: float | None, words: str) -> None:
    assert words == skew_words(skew)
