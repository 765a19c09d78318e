"""The token endpoint: how a client says who it is there, and what it answers (RFC 6749 sections 2.3 and 5.1). Pure."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from iac.core.secret import Secret
from iac.providers.bearer import parse_scopes, read_bearer

if TYPE_CHECKING:
    from datetime import datetime

    from iac.providers.bearer import Bearer
    from iac.transport.message import Answer

LONGEST_LIFETIME = 10.0 * 365 * 24 * 3600
"""Seconds; an `expires_in` beyond it is taken for it."""


def basic(client_id: str, secret: Secret) -> str:
    """An Authorization header for HTTP Basic; both parts form-encoded first (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def bearer_of(answer: Answer, now: datetime) -> Bearer | None:
    """The token of a token endpoint's answer (RFC 6749 section 5.1); None when it has none."""
    body = answer.json() if answer.is_ok else None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        return None
    bearer = read_bearer(Secret(body["access_token"]), now, _lifetime(body.get("expires_in")))
    scopes = parse_scopes(body.get("scope"))
    return bearer if scopes is None else replace(bearer, scopes=scopes)


def _lifetime(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return min(float(value), LONGEST_LIFETIME)
