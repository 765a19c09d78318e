"""What the device authorization endpoint answers (RFC 8628 section 3.2), and how somebody is told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from iac.core.secret import Secret
from iac.core.text import printable
from iac.providers.logins.endpoint import lifetime
from iac.transport.message import Answer

INTERVAL = 5.0
"""Seconds between two questions when the server says none."""

LONGEST_INTERVAL = 60.0
"""Seconds; a longer `interval` is taken for this."""

LIFETIME = 600.0
"""Seconds that a code is taken to live for when the server does not say, as IAM's do by default."""

LONGEST_LIFETIME = 1800.0
"""Seconds that somebody is waited for at most."""

_LONGEST_TEXT = 512


@dataclass(frozen=True, slots=True)
class DeviceApproval:
    """What somebody is to approve.

    Attributes:
        page: the URL to open.
        complete: the same with the code in it; "" for none.
        ends: from then on nobody is waited for.
        interval: seconds between two questions.
    """

    device_code: Secret
    user_code: str
    page: str
    complete: str
    ends: datetime
    minutes: int
    interval: float

    def words(self, issuer: str) -> str:
        """What to tell somebody, in lines; what the server wrote is made inert."""
        lines = [
            f"To log in at {printable(issuer)} open",
            f"    {printable(self.page)}",
            "and enter the code",
            f"    {printable(self.user_code)}",
            *([f"or open {printable(self.complete)}"] if self.complete else []),
            f"Waiting for {self.minutes} min at most; Ctrl-C gives up.",
        ]
        return "\n".join(lines)


def parse_approval(answer: Answer, now: datetime) -> DeviceApproval | None:
    """The codes of an answer; None when it has none, or no page that a browser opens."""
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict):
        return None
    device_code, user_code, page = (_text(body, name) for name in ("device_code", "user_code", "verification_uri"))
    if not (device_code and user_code and _is_page(page)):
        return None
    seconds = min(lifetime(body.get("expires_in")) or LIFETIME, LONGEST_LIFETIME)
    complete = _text(body, "verification_uri_complete")
    return DeviceApproval(
        device_code=Secret(device_code),
        user_code=user_code,
        page=page,
        complete=complete if _is_page(complete) else "",
        ends=now + timedelta(seconds=seconds),
        minutes=max(1, int(seconds // 60)),
        interval=min(lifetime(body.get("interval")) or INTERVAL, LONGEST_INTERVAL),
    )


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else ""


def _is_page(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"https", "http"}
    except ValueError:
        return False
