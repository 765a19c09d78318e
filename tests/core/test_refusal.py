from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from iac.core.errors import Severity
from iac.core.server import malformed, redirect_uri_problem, refusals
from iac.registry import capabilities
from tests.core.build import KEY, NEW, OLD
from tests.every import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.core.model import Facts, Fields

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "iam"
PRIVATE = json.dumps({"keys": [{**json.loads(KEY)["keys"][0], "d": "ZA", "p": "cA"}]})


@every(
    "fields, facts, rule, name",
    [
        ({"tos_uri": "https://x.example/"}, None, "tos-uri-is-dropped", "tos_uri"),
        ({"default_max_age": 5}, None, "default-max-age-is-dropped", "default_max_age"),
        ({"id_token_validity_seconds": 0}, None, "zero-lifetime-is-the-default", "id_token_validity_seconds"),
        ({"jwk": PRIVATE}, None, "private-key-members-are-dropped", "jwk"),
        ({"up_scoping_enabled": True}, OLD, "up-scoping-needs-1.14", "up_scoping_enabled"),
        ({"redirect_uris": ("https://a.example/", "app:/cb")}, NEW, "redirect-uri-refused", "redirect_uris"),
        ({"redirect_uris": ("https://a.example/ ",)}, None, "bad-redirect-uri", "redirect_uris"),
        ({"grant_types": ("authorization_code",)}, OLD, "no-redirect-uris", "redirect_uris"),
        (
            {"token_endpoint_auth_method": "private_key_jwt"},
            NEW,
            "no-key",
            "token_endpoint_auth_method",
        ),
        ({"jwk": "k" * 2_049}, OLD, "jwk-too-long", "jwk"),
        ({"jwk": "k" * 65_536}, None, "jwk-perhaps-too-long", "jwk"),
        ({"jwk": "k" * 65_536}, NEW, "jwk-perhaps-too-long", "jwk"),
    ],
)
def test_what_a_server_drops_is_refused_with_a_way_on(
    fields: Fields, facts: Facts | None, rule: str, name: str
) -> None:
    found = refusals(fields, facts)
    assert [(rule, name)] == [(refusal.id, refusal.details["field"]) for refusal in found]
    assert all(refusal.summary and refusal.fix for refusal in found)


@every(
    "fields, facts",
    [
        ({"refresh_token_validity_seconds": 0, "id_token_validity_seconds": 1}, None),
        ({"jwk": KEY}, None),
        ({"up_scoping_enabled": True}, None),
        ({"jwk": "k" * 2_049}, NEW),
        ({"grant_types": ("authorization_code",), "token_endpoint_auth_method": "private_key_jwt"}, None),
        ({"up_scoping_enabled": True}, NEW),
        ({"redirect_uris": ("app:/cb",)}, None),
        ({"redirect_uris": ("app:/cb",)}, OLD),
        ({"redirect_uris": ("https://a.example/",)}, NEW),
        ({}, NEW),
    ],
)
def test_what_a_server_keeps_is_not_refused(fields: Fields, facts: Facts | None) -> None:
    assert [] == refusals(fields, facts)


def test_private_members_are_named_and_their_values_are_not_shown() -> None:
    (refusal,) = refusals({"jwk": PRIVATE})
    assert "(d, p)" in refusal.summary
    assert "ZA" not in refusal.summary


def test_a_rule_that_is_not_certain_warns() -> None:
    """Of a user nobody knows whether that is an administrator."""
    api = capabilities("iam-self-service")
    (refusal,) = refusals({"grant_types": ("password",)}, replace(OLD, api=api))
    assert refusal.severity is not Severity.ERROR


def test_each_redirect_uri_that_is_refused_is_said() -> None:
    uris = ("http://far.example/cb", "https://a.example/", "app:/cb")
    assert ["http://far.example/cb", "app:/cb"] == [
        refusal.details["value"] for refusal in refusals({"redirect_uris": uris}, NEW)
    ]


def _recorded(version: str = "1.14") -> Iterator[tuple[str, bool]]:
    """Every redirect URI that was sent alone, and whether this version took it in all of its requests."""
    answers: dict[str, set[int]] = {}
    for path in (RECORDINGS / version).glob("admin-*redirect-uri*.json"):
        for exchange in json.loads(path.read_text())["exchanges"]:
            sent = exchange["request"].get("json") or {}
            uris: list[str] = sent.get("redirect_uris") or []
            if len(uris) == 1:
                answers.setdefault(uris[0], set()).add(exchange["response"]["status"])
    yield from ((uri, statuses <= {200, 201}) for uri, statuses in sorted(answers.items()))


@every("uri, is_taken", _recorded())
def test_a_redirect_uri_is_judged_as_the_recorded_server_judged_it(uri: str, *, is_taken: bool) -> None:
    assert is_taken == (not redirect_uri_problem(uri))


@every("uri, is_taken", _recorded("1.12"))
def test_a_redirect_uri_is_malformed_where_the_oldest_server_refused_it(uri: str, *, is_taken: bool) -> None:
    assert is_taken == (not malformed(uri))


@pytest.mark.parametrize("uri", ["http://[::1", "https://a b/", "http:///cb"])
def test_a_uri_that_is_none_has_a_problem(uri: str) -> None:
    problem = redirect_uri_problem(uri)
    assert problem
    assert not problem.endswith(" ")
