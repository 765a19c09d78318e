"""How old a secret is, and when it is due for rotation. Pure: the time comes in as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from iac.core.desired import DesiredClient
from iac.core.model import uses_secret
from iac.core.state.model import ClientState

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class DueRotation:
    """A secret that has reached the age of `lifecycle.rotate_after`, and when it did (RFC 3339 UTC)."""

    since: str
    is_counted_from_taking_over: bool


def written(moment: datetime) -> str:
    """A time as state has it: RFC 3339, UTC, seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def later(moment: str, seconds: int) -> str:
    """A time of state plus some seconds."""
    return written(datetime.fromisoformat(moment) + timedelta(seconds=seconds))


def is_past(moment: str, now: datetime | None) -> bool:
    """Whether a time of state has come; without a clock it has not."""
    return now is not None and datetime.fromisoformat(moment) <= now


def due(client: DesiredClient, stored: ClientState, now: datetime | None) -> DueRotation | None:
    """Since when the secret of a client is due; None when it is not, or the client has none.

    How old a secret was when its client was taken over is not known: its age counts from then.
    """
    after = client.lifecycle.rotate_after
    if after is None or not uses_secret(stored.applied):
        return None
    taken_over = stored.adopted_at or stored.applied_at
    begun = stored.secret.since if stored.secret else taken_over
    since = later(begun, after)
    is_counted = stored.secret is None or begun <= stored.adopted_at
    return DueRotation(since, is_counted) if is_past(since, now) else None


def seconds(duration: str) -> int:
    """Seconds of a length of time as people write it: `12h`, `180d`, `4w`."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def duration(seconds: int) -> str:
    """A length of time in its largest whole unit: `7d`, `36h`."""
    return next((f"{seconds // size}{sign}" for size, sign in _UNITS if seconds % size == 0), f"{seconds}s")
