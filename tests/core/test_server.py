from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core import server
from iac.core.errors import InputError
from iac.core.model import ANSWER_ONLY, FIELDS, Facts, Kind, NewClient, names_of, short_grant, uses_secret
from iac.core.secret import Secret
from iac.core.server import create_body, detect_facts, forced, parse_answer, update_body
from iac.core.server.effect import to_wire
from iac.core.server.rule import StripRule
from iac.core.server.table import TABLE
from iac.registry import capabilities
from tests.core import strategies as our
from tests.core.build import CANARY, KEY, NEW, OLD
from tests.every import every

HALF = "expected whole characters, got half of one, which no file can hold"

if TYPE_CHECKING:
    from iac.core.model import Fields

_SECRETS = {"client_secret", "registration_access_token"}


def _shuffled(value: Any, draw: st.DataObject) -> Any:
    if isinstance(value, list):
        return draw.draw(st.permutations(value + value[:1]))
    return value


@given(our.answers, st.data())
def test_an_answer_in_another_order_and_with_duplicates_is_the_same(
    answer: dict[str, Any], data: st.DataObject
) -> None:
    other = {name: _shuffled(value, data) for name, value in answer.items()}
    if isinstance(other.get("scope"), str):
        scopes = other["scope"].split()
        other["scope"] = " ".join(data.draw(st.permutations(scopes + scopes[:1])))
    expected, found = parse_answer(answer), parse_answer(other)
    assert expected.fields == found.fields
    assert expected.client_id == found.client_id


@given(our.answers)
def test_secrets_leave_the_answer_and_everything_else_stays_in_it(answer: dict[str, Any]) -> None:
    found = parse_answer(answer)
    assert {name: value for name, value in answer.items() if name not in _SECRETS} == found.answer
    assert (Secret(answer["client_secret"]) if "client_secret" in answer else None) == found.secret


@pytest.mark.parametrize("told", ["********", "abcd****", "\u2022\u2022\u2022", "two words", "caf\u00e9"])
def test_a_registration_access_token_that_no_request_can_carry_is_none(told: str) -> None:
    assert parse_answer({"client_id": "app", "registration_access_token": told}).rat is None


@pytest.mark.parametrize("told", ["abc", "a.b-c_d~e+f/g==", "reg|1:{x}"])
def test_any_other_registration_access_token_is_taken(told: str) -> None:
    assert Secret(told) == parse_answer({"client_id": "app", "registration_access_token": told}).rat


@given(our.answers)
def test_a_parsed_field_is_never_empty_and_sets_are_sorted(answer: dict[str, Any]) -> None:
    found = parse_answer(answer).fields
    assert not [name for name, value in found.items() if value in ("", (), None)]
    sets = [value for value in found.values() if isinstance(value, tuple)]
    assert [tuple(sorted(set(value))) for value in sets] == sets


@given(our.fields)
def test_what_is_sent_and_answered_is_what_was_wanted(fields: Fields) -> None:
    wire = {name: to_wire(name, value) for name, value in fields.items()}
    assert fields == parse_answer({"client_id": "app", **wire}).fields


def test_an_answer_without_an_id_has_an_empty_one() -> None:
    assert parse_answer({"scope": None}).client_id == ""
    assert parse_answer({"client_id": None}).client_id == ""


@every(
    "wrong, words",
    [
        ({"client_name": 5}, "client_name: expected a text, got a number"),
        ({"client_id": {}}, "client_id: expected a text, got an object"),
        ({"contacts": [["a"]]}, "contacts: expected a list of texts, got a list with a list in it"),
        ({"contacts": [None]}, "contacts: expected a list of texts, got a list with null in it"),
        ({"scope": 1.5}, "scope: expected a list of texts, got a fraction"),
        ({"reuse_refresh_token": "yes"}, "reuse_refresh_token: expected true or false, got a text"),
        ({"active": 1}, "active: expected true or false, got a number"),
        ({"default_max_age": True}, "default_max_age: expected a whole number, got true or false"),
        ({"client_secret": 5}, "client_secret: expected a text, got a number"),
        ({"client_secret": f"{CANARY}\nX"}, "client_secret: expected a text of printable characters, got another one"),
        ({"jwk": {"keys": []}}, "jwk: expected a text, got an object"),
        ({"new\u202e": {"a": ["\ud800"]}}, f"new\\u202e: {HALF}"),
        ({"\ud800": 1}, f"\\ud800: {HALF}"),
    ],
)  # fmt: skip
def test_a_member_of_another_kind_is_told_and_left_out(wrong: dict[str, Any], words: str) -> None:
    found = parse_answer({"client_id": "app", "client_uri": "https://app.example.org", **wrong})
    assert (words, {"client_uri": "https://app.example.org"}) == (found.invalid_words, found.fields)
    assert not wrong.keys() & found.answer.keys()
    assert CANARY not in found.invalid_words


def test_a_member_that_is_nested_too_deep_is_told() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    found = parse_answer({"client_id": "app", "x": nested, "contacts": nested})
    assert ["x", "contacts"] == [invalid.member for invalid in found.invalid_members]
    assert "x: expected at most 20 levels, got more of them" in found.invalid_words


def test_a_whole_number_may_be_written_as_a_fraction() -> None:
    found = parse_answer({"client_id": "app", "default_max_age": 3600.0}).fields["default_max_age"]
    assert (3600, int) == (found, type(found))


def test_keys_of_a_server_of_rfc_7591_are_an_object() -> None:
    assert () == parse_answer({"client_id": "app", "jwks": {"keys": []}}, capabilities("rfc7591")).invalid_members
    assert "jwks: expected an object, got a text" == parse_answer({"jwks": "{}"}, capabilities("rfc7591")).invalid_words


def test_keys_that_are_nested_too_deep_are_no_keys() -> None:
    text = '{"keys": [{"kty": ' + "[" * 100_000
    assert text == parse_answer({"client_id": "app", "jwk": text}).fields["jwk"]


@pytest.mark.parametrize("name", ["client_id", "client_secret", "registration_access_token"])
def test_half_of_a_character_is_told_and_not_repeated(name: str) -> None:
    found = parse_answer({"client_id": "app", name: f"{CANARY}\ud800"})
    assert [name] == [invalid.member for invalid in found.invalid_members]
    assert (None, None, CANARY in found.invalid_words) == (found.secret, found.rat, False)


def test_a_registration_client_uri_with_a_login_in_it_is_none() -> None:
    for uri, kept in ((f"https://u:{CANARY}@as.example.org/reg/a", ""), ("https://as.example.org/reg/a@b", None)):
        found = parse_answer({"client_id": "app", "registration_client_uri": uri}).registration_uri
        assert found == (uri if kept is None else kept)


@pytest.mark.parametrize("client_id", [5, ["app"], {"a": 1}])
def test_a_client_id_that_is_no_text_is_none(client_id: object) -> None:
    assert parse_answer({"client_id": client_id}).client_id == ""


def test_an_empty_secret_in_an_answer_is_none() -> None:
    assert parse_answer({"client_id": "app", "client_secret": ""}).secret is None


@given(our.fields)
def test_forcing_twice_is_forcing_once(fields: Fields) -> None:
    assert forced(fields) == forced(forced(fields))


@pytest.mark.parametrize(
    ("fields", "grants"),
    [
        (
            {"scope": ("offline_access",), "grant_types": ("client_credentials",)},
            ("client_credentials", "refresh_token"),
        ),
        ({"scope": ("offline_access",)}, ("refresh_token",)),
        ({"scope": ("offline_access",), "grant_types": ("refresh_token",)}, ("refresh_token",)),
        ({"scope": ("openid",), "grant_types": ("password",)}, ("password",)),
        ({"scope": "offline_access", "grant_types": ("password",)}, ("password",)),
    ],
)
def test_offline_access_and_nothing_else_brings_refresh_token(fields: Fields, grants: tuple[str, ...]) -> None:
    assert grants == forced(fields)["grant_types"]


@pytest.mark.parametrize(
    ("entries", "facts"),
    [
        ([], None),
        ([{"client_id": "a"}], OLD),
        ([{"client_id": "a"}, {"client_id": "b", "up_scoping_enabled": False}], NEW),
    ],
)
def test_the_flavour_is_told_by_the_fields_of_answers(entries: list[dict[str, Any]], facts: Facts | None) -> None:
    assert facts == detect_facts(entries)


def test_a_flavour_has_a_name() -> None:
    assert "1.12" == OLD.flavour
    assert "1.14" == NEW.flavour


@given(our.answers, our.fields, our.names, our.facts)
def test_an_update_loses_nothing_and_adds_nothing(
    answer: dict[str, Any], fields: Fields, declared: frozenset[str], facts: Facts
) -> None:
    body = update_body(parse_answer(answer), fields, declared, facts)
    kept = {
        name: value
        for name, value in answer.items()
        if value is not None and name not in ANSWER_ONLY | _SECRETS | declared
    }
    if body.get("jwks_uri"):
        kept.pop("jwk", None)
    assert kept.items() <= body.items()
    made = {"client_secret", "refresh_token_validity_seconds", "grant_types"}
    assert body.keys() <= kept.keys() | declared | made
    assert None not in body.values()


@given(our.answers, our.fields, our.names, our.facts)
def test_an_update_makes_declared_fields_as_wanted(
    answer: dict[str, Any], fields: Fields, declared: frozenset[str], facts: Facts
) -> None:
    body = update_body(parse_answer(answer), fields, declared, facts)
    has_uri = bool(body.get("jwks_uri"))
    for name in declared - ({"jwk"} if has_uri else set()):
        if name in fields:
            assert to_wire(name, fields[name]) == body[name]
        elif FIELDS[name].kind is Kind.SET:
            assert [] == body.get(name, [])
        else:
            assert not body.get(name)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_an_update_carries_the_secret_of_a_method_that_has_one(method: str) -> None:
    fresh = parse_answer({"client_id": "app", "client_secret": CANARY, "token_endpoint_auth_method": method})
    assert CANARY == update_body(fresh, {}, frozenset(), OLD)["client_secret"]


def test_an_update_to_a_method_without_secret_carries_none() -> None:
    fresh = parse_answer({"client_id": "app", "client_secret": CANARY})
    wanted = {"token_endpoint_auth_method": "none"}
    assert "client_secret" not in update_body(fresh, wanted, wanted.keys(), OLD)


def test_an_update_keeps_the_secret_when_the_method_is_left_alone() -> None:
    """ignore_changes: the definition's method is not sent, so it does not decide about the secret."""
    fresh = parse_answer(
        {"client_id": "app", "client_secret": CANARY, "token_endpoint_auth_method": "client_secret_post"}
    )
    wanted = {"token_endpoint_auth_method": "none", "client_name": "new"}
    assert CANARY == update_body(fresh, wanted, {"client_name"}, OLD)["client_secret"]


def test_a_create_sends_id_secret_and_fields_and_no_grant_of_its_own() -> None:
    body = create_body(NewClient("app", {"client_name": "An app", "scope": ("a", "b")}, Secret("chosen")))
    expected = {
        "client_id": "app",
        "client_name": "An app",
        "scope": "a b",
        "client_secret": "chosen",
        "grant_types": [],
    }
    assert expected == body


def test_a_create_of_a_client_without_secret_sends_none() -> None:
    body = create_body(NewClient("app", {"token_endpoint_auth_method": "none"}, Secret("ignored")))
    assert "client_secret" not in body


@pytest.mark.parametrize("secret", [None, Secret("")])
def test_a_create_without_the_secret_it_needs_is_refused(secret: Secret | None) -> None:
    with pytest.raises(InputError, match="empty secret") as refused:
        create_body(NewClient("app", {}, secret))
    assert refused.value.fix


@pytest.mark.parametrize("secret", ["a+b", "a/b", "a b", "ü"])
def test_a_create_with_a_secret_that_is_not_url_safe_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(InputError, match="URL-safe") as refused:
        create_body(NewClient("app", {}, Secret(secret)))
    assert secret not in str(refused.value)


def test_secret_rules_answer_by_flavour_and_method() -> None:
    basic, none = "client_secret_basic", "none"
    assert (False, True) == (server.hides_secrets(OLD), server.hides_secrets(NEW))
    assert (True, False) == (
        server.secret_is_dropped(OLD, basic, none),
        server.secret_is_dropped(OLD, basic, basic),
    )
    assert (True, False) == (
        server.secret_must_be_made(NEW, none, basic),
        server.secret_must_be_made(NEW, basic, basic),
    )


def test_a_switch_that_is_not_in_force_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 100 == server.switch("page-size")
    assert 0 == server.switch("lists-are-sets")
    monkeypatch.setattr(server, "RULES", server.Rules(()))
    assert 0 == server.switch("page-size")
    assert not server.hides_secrets(NEW)


def test_forced_by_create_names_the_fields_that_one_put_sets_right() -> None:
    expected = {"allow_introspection", "clear_access_tokens_on_refresh"}
    assert expected == server.forced_by_create({"scope": ("openid",)})
    assert {"scope"} == server.forced_by_create({}, capabilities("iam-self-service"))
    assert not server.forced_by_create({"scope": ("openid",)}, capabilities("iam-self-service"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"client_id": "app", "client_name": "An app"}, ""),
        ({"client_id": "dashboard"}, "IAM's own dashboard client"),
        ({"client_id": "app", "entity_id": "https://rp.example.org"}, "a federated client, which no PUT can change"),
        ({"client_id": "app", "client_name": "oidc-agent:laptop"}, "a person's oidc-agent client"),
        ({"client_id": "app", "client_name": None}, ""),
    ],
)
def test_clients_of_others_are_known_by_their_answer(answer: dict[str, Any], why: str) -> None:
    assert why == server.protected(answer)


def test_rules_are_told_apart_and_say_what_they_are_about() -> None:
    ids = [rule.id for rule in TABLE]
    assert sorted(set(ids)) == sorted(ids)
    assert not [rule.id for rule in TABLE if not (rule.what and rule.source and rule.traps)]


def test_everything_that_is_answered_only_is_stripped_by_a_rule() -> None:
    stripped = frozenset[str]().union(*(rule.names for rule in TABLE if isinstance(rule, StripRule)))
    assert ANSWER_ONLY == stripped


@pytest.mark.parametrize(
    ("grant", "short"), [("urn:ietf:params:oauth:grant-type:device_code", "device_code"), ("x", "x")]
)
def test_a_grant_has_a_short_name_for_people(grant: str, short: str) -> None:
    assert short == short_grant(grant)


def test_a_client_that_names_no_method_uses_a_secret() -> None:
    assert uses_secret({})
    assert not uses_secret({"token_endpoint_auth_method": "private_key_jwt"})


def test_fields_are_found_by_kind() -> None:
    assert frozenset({"jwk"}) == names_of(Kind.JWKS)
    assert FIELDS.keys() == names_of(*Kind)


def test_a_key_set_is_canonical_in_its_public_part() -> None:
    keys = [{"y": "eQ", "x": "eA", "kty": "EC", "kid": "one", "crv": "P-256", "d": "private", "colour": "red"}]
    assert KEY == server.canonical_jwks(json.dumps({"keys": keys}, indent=2))
    assert ("d",) == server.private_members(json.dumps({"keys": keys}))


@every("text", ["", "{", "[]", '{"keys": 1}', '{"keys": [1]}', '{"keys": [{"x": "no kty"}]}'])
def test_text_that_is_no_key_set_comes_back_as_it_is(text: str) -> None:
    assert text == server.canonical_jwks(text)
    assert () == server.private_members(text)
    with pytest.raises(ValueError):  # noqa: PT011  # json's own message or ours
        server.parse_jwks(text)


@given(st.permutations(json.loads(KEY)["keys"] + [{"kty": "RSA", "n": "bg", "e": "AQAB"}]))
def test_the_order_of_keys_does_not_matter(keys: list[dict[str, str]]) -> None:
    canonical = server.canonical_jwks(json.dumps({"keys": keys}))
    assert canonical == server.canonical_jwks(canonical)
    assert canonical == server.canonical_jwks(json.dumps({"keys": keys[::-1]}))
