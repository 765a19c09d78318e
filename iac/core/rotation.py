"""How old a secret is, and when it is due for rotation. Pure: the time comes in as a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from iac.core.desired import DesiredClient, Rotation
from iac.core.model import Actual, uses_secret
from iac.core.state.model import ClientState, State

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}


class DueRotation(Struct, frozen=True):
    """A secret that has reached the age of `lifecycle.rotate_after`, or is near its end; times are RFC 3339 UTC.

    Attributes:
        since: when it was due.
        ends: when the server ends it, where that is the reason.
    """

    since: str
    is_counted_from_taking_over: bool
    ends: str = ""


ROTATE_AFTER = "lifecycle.rotate_after"
"""The setting that says after which time a secret is due."""

EXPIRY = "client_secret_expires_at"
"""The member of an answer that says when a secret ends, in seconds; 0 for never (RFC 7591 section 3.2.1)."""

_EARLY = timedelta(days=30)


def secret_end(answer: Mapping[str, Any] | None) -> datetime | None:
    """When the secret of an answer ends; None for never, and for a time that is none."""
    seconds = (answer or {}).get(EXPIRY)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None  # so far away that there is no such date


def with_expiry(
    answer: Mapping[str, Any], before: Mapping[str, Any] | None, *, shows_secret: bool
) -> Mapping[str, Any]:
    """An answer with the end of the secret as an earlier one about the same secret said it: many servers say it once.

    An answer that shows the secret says its end as well, if it has one (RFC 7591 section 3.2.1).
    """
    if EXPIRY in answer or not before or EXPIRY not in before:
        return answer
    return {**answer, EXPIRY: 0 if shows_secret else before[EXPIRY]}


def with_ends(state: State, actual: Actual) -> Actual:
    """What was read, with the ends of secrets that the server said when it made them."""
    told = {
        client.client_id: replace(seen, answer=with_expiry(seen.answer, client.answer, shows_secret=bool(seen.secret)))
        for client in state.clients.values()
        if EXPIRY in (client.answer or {}) and (seen := actual.registrations.get(client.client_id)) is not None
    }
    return replace(actual, registrations={**actual.registrations, **told})


def with_seen_ends(state: State, actual: Actual) -> State:
    """The state with the ends of secrets that were read now in the place of those of the last apply."""
    ends = {name: seen.answer[EXPIRY] for name, seen in actual.registrations.items() if EXPIRY in seen.answer}
    clients = {
        address: replace(client, answer={**(client.answer or {}), EXPIRY: ends[client.client_id]})
        for address, client in state.clients.items()
        if client.client_id in ends
    }
    return replace(state, clients={**state.clients, **clients})


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

    A secret that the server ends is due 30 days before, or in the last third of its life, where another client can take
    the place of this one.
    How old a secret was when its client was taken over is not known: its age counts from then.
    """
    if not uses_secret(stored.applied):
        return None
    taken_over = stored.adopted_at or stored.applied_at
    begun = stored.secret.since if stored.secret else taken_over
    is_counted = stored.secret is None or begun <= stored.adopted_at
    after, end = client.lifecycle.rotate_after, secret_end(stored.answer)
    dues = [DueRotation(later(begun, after), is_counted)] if after is not None else []
    if end is not None and client.lifecycle.rotation is Rotation.REPLACE:
        lead = min(_EARLY, (end - datetime.fromisoformat(begun)) / 3)
        dues.append(DueRotation(written(end - lead), is_counted_from_taking_over=False, ends=written(end)))
    first = min(dues, key=lambda one: one.since, default=None)
    return first if first and is_past(first.since, now) else None


def seconds(duration: str) -> int:
    """Seconds of a length of time as people write it: `12h`, `180d`, `4w`."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def duration(seconds: int) -> str:
    """A length of time in its largest whole unit: `7d`, `36h`."""
    return next((f"{seconds // size}{sign}" for size, sign in _UNITS if seconds % size == 0), f"{seconds}s")
