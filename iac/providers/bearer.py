"""Bearer tokens and what they say of themselves. Pure.

A token's claims are read without verifying its signature: only to refuse, never to trust. The server verifies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from iac.core.secret import Secret

_EARLY = timedelta(seconds=60)
_JWT_PARTS = 3


class Bearer(Struct, frozen=True):
    """A token to send.

    Attributes:
        subject: who it is for; "" when nothing says it.
        issuer: the `iss` claim; "" when it has none.
        scopes: None when nothing says them.
        expires: None when nothing says it.
        valid_from: None when nothing says it.
        renew_at: from here on a new one is better.
        is_client: it is a client's own: its subject is the client (RFC 9068 section 2.2).
    """

    value: Secret
    subject: str = ""
    issuer: str = ""
    scopes: frozenset[str] | None = None
    expires: datetime | None = None
    renew_at: datetime | None = None
    valid_from: datetime | None = None
    is_client: bool = False


def parse_claims(token: str) -> Mapping[str, Any]:
    """The claims of a JWT (RFC 7519 section 3), unverified; none for a token that is no JWT."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def parse_scopes(value: Any) -> frozenset[str] | None:
    """Scopes of a claim or a token answer: one string, or a list as some servers write it; None for anything else."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(map(str, value))
    return None


def parse_time(value: Any) -> datetime | None:
    """A NumericDate claim (RFC 7519 section 2); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_bearer(value: Secret, now: datetime, lifetime: float | None = None) -> Bearer:
    """A token with what its claims say; `lifetime` in seconds, from now, wins over its `exp`."""
    claims = parse_claims(value.reveal())
    expires = parse_time(claims.get("exp")) if lifetime is None else now + timedelta(seconds=lifetime)
    return Bearer(
        value=value,
        subject=str(claims.get("sub", "")),
        issuer=str(claims.get("iss", "")),
        scopes=parse_scopes(claims.get("scope")),
        expires=expires,
        is_client=bool(claims.get("sub")) and claims.get("sub") in {claims.get("client_id"), claims.get("azp")},
        renew_at=expires - min(_EARLY, (expires - now) / 5) if expires else None,
        valid_from=parse_time(claims.get("nbf")),
    )
