from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.secret import Secret
from iac.providers.bearer import parse_claims, parse_scopes, parse_time, read_bearer
from tests.every import every

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def jwt(claims: Any) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{middle}.c2ln"


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_claims_come_out_of_a_token_as_they_went_in(claims: dict[str, int | str]) -> None:
    assert claims == parse_claims(jwt(claims))


@given(st.text())
def test_any_text_has_claims_or_none(text: str) -> None:
    assert isinstance(parse_claims(text), dict)


@every("token", ["opaque", "a.b", "a.b.c.d", "a.!!.c", "a.bm8.c", jwt([1]), f"a.{'W' * 100_000}.c"])
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    assert parse_claims(token) == {}


@pytest.mark.parametrize(
    ("value", "scopes"),
    [
        ("a b", frozenset("ab")),
        ("", frozenset()),
        (["a", "b"], frozenset("ab")),
        (None, None),
        (7, None),
    ],
)
def test_scopes_are_one_string_or_a_list(value: Any, scopes: frozenset[str] | None) -> None:
    assert scopes == parse_scopes(value)


@every("value", [None, True, "1795431713", float("inf"), float("nan"), 1e300])
def test_what_is_no_date_is_none(value: Any) -> None:
    assert parse_time(value) is None


def test_a_token_says_who_it_is_for_and_when_it_ends() -> None:
    bearer = read_bearer(Secret(jwt({"iss": "i", "sub": "s", "scope": "a b", "exp": NOW.timestamp() + 3600})), NOW)

    assert ("s", "i", frozenset("ab")) == (bearer.subject, bearer.issuer, bearer.scopes)
    assert bearer.expires == NOW + timedelta(hours=1)
    assert bearer.renew_at == NOW + timedelta(minutes=59)


def test_a_short_lived_token_is_not_renewed_at_every_call() -> None:
    bearer = read_bearer(Secret("opaque"), NOW, lifetime=10)

    assert bearer.renew_at == NOW + timedelta(seconds=8)


def test_the_token_endpoint_s_lifetime_wins_over_the_claim() -> None:
    bearer = read_bearer(Secret(jwt({"exp": NOW.timestamp() - 999})), NOW, lifetime=600)

    assert bearer.expires == NOW + timedelta(minutes=10)


def test_a_token_that_says_nothing_is_kept_until_it_is_refused() -> None:
    bearer = read_bearer(Secret("opaque"), NOW)

    assert (None, None, None) == (bearer.scopes, bearer.expires, bearer.renew_at)
    assert "opaque" not in repr(bearer)
