"""When a request without effect is sent again, after which pause, and what time the server has. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

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
    """The warning that this machine's clock is wrong; "" when it is right. `skew`: seconds that the server is ahead."""
    if skew is None or abs(skew) <= TOLERANCE:
        return ""
    return f"this machine's clock is {_span(abs(skew))} {'behind' if skew > 0 else 'ahead of'} the server's"


def _span(seconds: float) -> str:
    whole = round(seconds)
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= size:
            return f"{whole // size} {name}"
    return f"{whole} s"


PASSING = frozenset({429, 502, 503, 504})
"""Statuses that pass: too many requests (RFC 6585), and a proxy without its server (RFC 9110 section 15.6)."""


class RetryPolicy(Struct, frozen=True):
    """The number of attempts, and the pauses between them.

    Attributes:
        attempts: requests in all.
        first: the longest first pause, in seconds; doubles with each attempt.
        longest: no pause is longer, in seconds; a server that asks for more is not waited for.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 30.0

    def pause(self, attempt: int, asked: float | None, chance: float) -> float | None:
        """Seconds to wait after the `attempt`-th request (from 1); None for giving up.

        Args:
            attempt: how many requests were sent.
            asked: what the server asked for by Retry-After, in seconds.
            chance: a random number from 0 to 1, so that many clients do not come back at once.
        """
        if attempt >= self.attempts:
            return None
        if asked is None:
            return chance * min(self.longest, self.first * 2.0 ** (attempt - 1))
        return asked + chance * self.first if asked <= self.longest else None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3); None for none or nonsense."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    date = parse_date(value)
    return max(0.0, (date - now).total_seconds()) if date else None
