"""The server's time, as its answers tell it, and how far this machine's clock is from it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOLERANCE = 30.0
"""Seconds by which two clocks may differ without a word: the header has whole seconds, and requests take time."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def parse_date(value: str | None) -> datetime | None:
    """A date of HTTP (RFC 9110 section 5.6.7); None for none or nonsense."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser of e-mail dates makes of nonsense
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def skew_words(skew: float | None) -> str:
    """That this machine's clock is wrong, if it is; `skew` is by how many seconds the server's is ahead."""
    if skew is None or abs(skew) <= TOLERANCE:
        return ""
    return f"this machine's clock is {_span(abs(skew))} {'behind' if skew > 0 else 'ahead of'} the server's"


def _span(seconds: float) -> str:
    whole = round(seconds)
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= size:
            return f"{whole // size} {name}"
    return f"{whole} s"
