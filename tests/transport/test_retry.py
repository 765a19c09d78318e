from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from iac.transport.http import RetryPolicy
from iac.transport.message import parse_retry_after
from tests.every import every

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_pauses_double_and_end_after_the_last_attempt() -> None:
    patience = RetryPolicy(attempts=4, first=0.5)

    assert [0.5, 1.0, 2.0, None] == [patience.pause(attempt, None, 1.0) for attempt in (1, 2, 3, 4)]


def test_what_the_server_asks_for_is_waited_for_and_never_less() -> None:
    assert RetryPolicy().pause(1, 7.0, 0.0) == 7.0
    assert RetryPolicy(first=0.5).pause(1, 7.0, 1.0) == 7.5


def test_a_server_that_asks_for_too_much_is_not_waited_for() -> None:
    assert RetryPolicy(longest=30.0).pause(1, 31.0, 0.0) is None


@given(st.integers(1, 50), st.none() | st.floats(0, 1e6), st.floats(0, 1))
def test_a_pause_is_never_negative_nor_endless(attempt: int, asked: float | None, chance: float) -> None:
    patience = RetryPolicy(attempts=60, longest=30.0, first=0.5)

    pause = patience.pause(attempt, asked, chance)

    assert pause is None or 0 <= pause <= 30.5


@every(
    "header, seconds",
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("²", None),
        ("0", 0.0),
        ("120", 120.0),
        ("9" * 400, 999999999.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Mon, 23 Nov 2026 12:00:10 -0000", 10.0),
        ("Mon, 99 Nov 2026 12:00:10 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds == parse_retry_after(header, NOW)


@given(st.text(max_size=40))
def test_any_retry_after_is_understood_or_passed_over(header: str) -> None:
    seconds = parse_retry_after(header, NOW)

    assert seconds is None or seconds >= 0
