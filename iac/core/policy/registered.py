"""Rules on a client as the server holds it, whether its definition changes or not. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from iac.core.diagnostics import Diagnostic
from iac.core.policy.rule import RegisteredRule, hit
from iac.core.registration import Registration

NEAR = timedelta(days=30)
"""How long before its end iac warns of a secret."""


def _disabled(client: Registration, _: date) -> list[Diagnostic]:
    return [hit("active", "somebody disabled the client on the server")] if client.is_disabled else []


def _expires(client: Registration, today: date) -> list[Diagnostic]:
    seconds = client.answer.get("client_secret_expires_at")
    if (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0
    ):  # 0: never (RFC 7591 section 3.2.1)
        return []
    try:
        end = datetime.fromtimestamp(seconds, UTC).date()
    except (OverflowError, OSError, ValueError):
        return []  # so far away that there is no such date
    if end > today + NEAR:
        return []
    return [hit("client_secret_expires_at", f"the client secret {'expired' if end < today else 'expires'} on {end}")]


RULES = (
    RegisteredRule(
        id="client-disabled",
        what="A client that somebody disabled on the server. It is drift, too.",
        why="Nobody can use it. iac does not enable it: whoever disabled it had a reason.",
        source="rec: admin-enable-disable",
        fix="ask an administrator of the server to enable it, or waive this with the reason",
        bad="active: false",
        good="active: true",
        check=_disabled,
    ),
    RegisteredRule(
        id="secret-expires",
        what="A client secret that ends within 30 days, or has ended.",
        why="From then on the server refuses it, and services that use it fail.",
        source="RFC 7591 section 3.2.1, client_secret_expires_at",
        fix="run iac rotate with its address",
        bad="client_secret_expires_at: 1700000000",
        good="client_secret_expires_at: 0",
        check=_expires,
    ),
)
