"""What a lock says of its holder, and the errors that repeat it. The same for all backends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from iac.core.errors import LockedError, StateError
from iac.ports import Holder

_MEMBERS = ("run_id", "who", "since", "expires")
UNKNOWN = Holder("unknown", "unknown", "unknown", "unknown")
"""The holder of a lock whose note cannot be read."""


def render_note(holder: Holder) -> bytes:
    """The note of a lock: JSON with run_id, who, since and expires."""
    return json.dumps({name: getattr(holder, name) for name in _MEMBERS}, indent=2).encode() + b"\n"


def parse_note(data: bytes) -> Holder:
    """Who a note names; `UNKNOWN` when it is none."""
    try:
        members = json.loads(data)
        return Holder(*(str(members[name]) for name in _MEMBERS))
    except (ValueError, KeyError, TypeError):
        return UNKNOWN


def is_over(holder: Holder, now: datetime) -> bool:
    """Whether the time for which the lock was taken is over. A lock whose note cannot be read is not over."""
    beyond = _between(holder.expires, now)
    return beyond is not None and beyond.total_seconds() > 0


def refusal(where: str, holder: Holder, now: datetime, fix: str) -> LockedError:
    """The error for who meets a held lock."""
    return LockedError(
        "the state is locked by another run",
        where=where,
        why=f"run {holder.run_id} of {holder.who} holds it since {holder.since}{_age(holder, now)}{_end(holder, now)}",
        fix=fix,
    )


def not_held(where: str, run_id: str, why: str) -> StateError:
    """The error for who breaks the lock of a run that does not hold it."""
    return StateError(
        "this run does not hold the lock",
        where=f"{where}, run {run_id}",
        why=why,
        fix="run the command that was refused again: its message names the run that holds the lock",
    )


def _age(holder: Holder, now: datetime) -> str:
    held = _between(holder.since, now)
    if held is None:
        return ""
    hours, rest = divmod(max(int(held.total_seconds()), 0), 3600)
    return f" ({hours} h {rest // 60} min {rest % 60} s)"


def _end(holder: Holder, now: datetime) -> str:
    is_said = _between(holder.expires, now) is not None
    return f" and said it would be done by {holder.expires}" if is_said else " and does not say until when"


def _between(text: str, now: datetime) -> timedelta | None:
    try:
        return now - datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
