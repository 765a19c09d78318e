"""What the sandbox does that no recording shows: settings, wrong input, and the other calls."""

import json
from typing import Any

import pytest

from iac.sandbox.flavour import Flavour
from tests.sandbox.talk import SEED, Talk

REGISTRATION = "/iam/api/client-registration"


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_every_flavour_names_its_version_without_a_login() -> None:
    versions = [Talk(flavour).ask("GET", "/actuator/info")[1]["build"]["version"] for flavour in Flavour]
    assert versions == ["1.12.0", "1.13.3", "1.14.1"]


@pytest.mark.parametrize(("flavour", "lengths"), [("1.12", {86}), ("1.13", {86}), ("1.14", {72})])
def test_a_made_up_secret_is_as_long_as_the_versions(flavour: str, lengths: set[int]) -> None:
    talk = Talk(flavour)
    assert {len(talk.make(f"c-{number}")["client_secret"]) for number in range(3)} == lengths


def test_discovery_speaks_of_the_url_that_the_sandbox_has(talk: Talk) -> None:
    talk.iam.world.base_url = "http://127.0.0.1:99"
    _, document = talk.ask("GET", "/.well-known/openid-configuration")
    assert document["issuer"] == "http://127.0.0.1:99/"
    assert document["token_endpoint"] == "http://127.0.0.1:99/token"
    assert "localhost:8080" not in json.dumps(document)


def test_the_key_set_is_empty(talk: Talk) -> None:
    assert talk.ask("GET", "/jwk") == (200, {"keys": []})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/iam/api/clients/a/b/c", 404),
        ("GET", "/", 302),
        ("GET", "/api/anything", 403),
        ("DELETE", "/token", 405),
        ("PATCH", "/iam/api/clients/a-client", 405),
        ("POST", "/iam/api/clients/a-client/unknown", 405),
    ],
)
def test_what_is_not_there_is_refused(talk: Talk, method: str, path: str, status: int) -> None:
    assert talk.send(method, path, token=talk.admin).status == status


def test_a_path_may_be_percent_encoded(talk: Talk) -> None:
    talk.make("a client+1")
    assert talk.get("a%20client%2B1")["client_id"] == "a client+1"


@pytest.mark.parametrize("sign", ["%2F", "%25", "%3B", "%00", ";"])
def test_a_path_with_some_signs_reaches_no_call(talk: Talk, sign: str) -> None:
    path = f"/iam/api/clients/a{sign}b"
    assert (500, 405) == tuple(talk.send(method, path, token=talk.admin).status for method in ("GET", "DELETE"))


def test_a_reset_forgets_clients_and_ends_tokens(talk: Talk) -> None:
    talk.make()
    token = talk.admin
    talk.iam.reset()
    assert talk.send("GET", "/iam/api/clients", token=token).status == 401
    assert talk.send("GET", "/iam/api/clients/a-client", token=talk.admin).status == 404


def test_a_token_ends_with_its_lifetime(talk: Talk) -> None:
    token = talk.admin
    talk.chance.now += 3_599_000
    assert talk.send("GET", "/iam/api/clients", token=token).status == 200
    talk.chance.now += 1_000
    assert talk.send("GET", "/iam/api/clients", token=token).status == 401


def test_an_old_server_repeats_the_token_that_it_refuses() -> None:
    """And the text cannot break out of the header that it stands in."""
    response = Talk("1.12").send("GET", "/iam/api/clients", token='no"\r\nX-Evil: 1\u20ac')
    assert b"X-Evil: 1" in response.body
    assert 'token: no???X-Evil: 1?"' in response.headers["www-authenticate"]
    assert b"no-token" not in Talk("1.14").send("GET", "/iam/api/clients", token="no-token").body


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"client_name": ["a list"]},
        {"client_name": {"an": "object"}},
        {"client_name": "A client", "contacts": "a@example.org"},
        {"client_name": "A client", "contacts": [None]},
        {"client_name": "A client", "contacts": [[]]},
        {"client_name": "A client", "response_types": ["id_token"]},
        {"client_name": "A client", "require_auth_time": "perhaps"},
        {"client_name": "A client", "require_auth_time": []},
        {"client_name": "A client", "token_endpoint_auth_method": []},
        {"client_name": "A client", "refresh_token_validity_seconds": True},
        {"client_name": "A client", "refresh_token_validity_seconds": "long"},
        {"client_name": "A client", "refresh_token_validity_seconds": 1e400},
        {"client_name": "A client", "scope": ["openid"]},
    ],
)
def test_a_value_of_the_wrong_type_is_an_empty_400(talk: Talk, body: Any) -> None:
    response = talk.send("POST", "/iam/api/clients", token=talk.admin, body=body)
    assert (response.status, response.body) == (400, b"")


def test_types_are_taken_as_leniently_as_the_real_server_takes_them(talk: Talk) -> None:
    made = talk.make(
        client_name=12345,
        access_token_validity_seconds="1200",
        id_token_validity_seconds=300.7,
        device_code_validity_seconds="",
        reuse_refresh_token=1,
        require_auth_time="true",
    )
    assert made["client_name"] == "12345"
    assert made["access_token_validity_seconds"] == 1200
    assert made["id_token_validity_seconds"] == 300
    assert made["device_code_validity_seconds"] == 600
    assert made["reuse_refresh_token"] is True
    assert made["require_auth_time"] is True


def test_half_a_character_becomes_a_question_mark(talk: Talk) -> None:
    assert talk.make(client_name="abc\ud800d")["client_name"] == "abc?d"


def test_nesting_without_end_is_broken_json(talk: Talk) -> None:
    body = b"[" * 200_000
    assert talk.send("POST", "/iam/api/clients", token=talk.admin, body=body).status == 400


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"client_description": "x" * 1025}, "clientDescription"),
        ({"client_uri": "https://example.org/" + "x" * 2048}, "clientUri"),
        ({"tos_uri": "no url"}, "tosUri"),
        ({"scope": " ".join(f"s{number}" for number in range(513))}, "scope"),
        ({"scope": "x" * 2049}, "scope[].<iterable element>"),
        ({"refresh_token_validity_seconds": -1}, "refreshTokenValiditySeconds"),
    ],
)
def test_limits_are_refused_by_the_property_that_breaks_them(talk: Talk, fields: dict[str, Any], path: str) -> None:
    document = {"client_name": "A client"} | fields
    status, body = talk.ask("POST", "/iam/api/clients", token=talk.admin, body=document)
    assert status == 400
    assert body["error"].startswith(f"saveNewClient.client.{path}: ")


def test_a_negative_lifetime_in_a_put_is_the_default(talk: Talk) -> None:
    talk.make()
    document = {"client_name": "A client", "access_token_validity_seconds": -5}
    _, body = talk.ask("PUT", "/iam/api/clients/a-client", token=talk.admin, body=document)
    assert body["access_token_validity_seconds"] == 3600


@pytest.mark.parametrize(
    ("jwk", "is_refused"),
    [
        ("[]", True),
        ("{", True),
        ('{"keys": [1]}', True),
        ('{"keys": [{"kty": "EC", "crv": "P-256"}]}', True),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', False),
    ],
)
def test_a_jwk_is_taken_when_it_is_a_key_set(talk: Talk, jwk: str, *, is_refused: bool) -> None:
    document = {"client_name": "A client", "jwk": jwk}
    status, body = talk.ask("POST", "/iam/api/clients", token=talk.admin, body=document)
    assert status == (400 if is_refused else 201)
    assert is_refused or body["jwk"] == '{"keys":[]}'


def test_private_and_unknown_members_of_a_jwk_are_dropped(talk: Talk) -> None:
    key = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "c2VjcmV0", "kid": "1", "colour": "blue"}
    made = talk.make(jwk=json.dumps({"keys": [key]}))
    assert json.loads(made["jwk"]) == {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "1"}]}


@pytest.mark.parametrize("query", ["count=x", "startIndex=x"])
def test_a_page_that_is_no_number_is_a_400(talk: Talk, query: str) -> None:
    assert talk.send("GET", f"/iam/api/clients?{query}", token=talk.admin).status == 400


def test_pages_cover_the_list_without_gap_or_repetition(talk: Talk) -> None:
    for number in range(25):
        talk.make(f"c-{number:02}")
    ids: list[str] = []
    while True:
        _, page = talk.ask("GET", f"/iam/api/clients?count=7&startIndex={len(ids) + 1}", token=talk.admin)
        ids += [client["client_id"] for client in page["Resources"]]
        if not page["Resources"]:
            break
    assert ids == sorted(ids)
    assert len(ids) == len(set(ids)) == page["totalResults"] == 31


def test_only_self_service_clients_are_listed_when_asked_for(talk: Talk) -> None:
    _, made = talk.ask("POST", REGISTRATION, body={"client_name": "Anonymous"})
    _, page = talk.ask("GET", "/iam/api/clients?drOnly=true", token=talk.admin)
    assert [client["client_id"] for client in page["Resources"]] == [made["client_id"]]
    _, found = talk.ask("GET", "/iam/api/search/clients?drOnly=true", token=talk.admin)
    assert found["totalResults"] == 1


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("search=JUPYTER&searchType=name", ["jupyterhub"]),
        ("search=monitoring@&searchType=contacts", ["grafana"]),
        ("search=storage.&searchType=scope", ["transfer-robot"]),
        ("search=refresh&searchType=grantType", ["jupyterhub"]),
        ("search=oauth_callback&searchType=redirectUri", ["jupyterhub"]),
    ],
)
def test_search_looks_into_the_field_that_it_is_told(talk: Talk, query: str, ids: list[str]) -> None:
    _, page = talk.ask("GET", f"/iam/api/search/clients?{query}", token=talk.admin)
    assert [client["client_id"] for client in page["Resources"]] == ids


def test_owners_come_and_go_and_a_stranger_is_refused(talk: Talk) -> None:
    talk.make()
    ids = [account.uuid for account in talk.iam.world.store.accounts.values()]
    base = "/iam/api/clients/a-client/owners"
    for uuid in (*ids, ids[0]):
        assert talk.send("POST", f"{base}/{uuid}", token=talk.admin).status == 201
    _, page = talk.ask("GET", f"{base}?count=1&startIndex=2", token=talk.admin)
    assert (page["totalResults"], [owner["id"] for owner in page["Resources"]]) == (2, ids[1:])
    assert page["Resources"][0]["meta"]["created"] == "2027-01-15T08:00:00.000Z"
    assert talk.send("DELETE", f"{base}/{ids[0]}", token=talk.admin).status == 204
    assert talk.send("DELETE", f"{base}/{ids[0]}", token=talk.admin).status == 204
    assert talk.send("DELETE", f"{base}/nobody", token=talk.admin).status == 400
    assert talk.send("POST", f"/iam/api/clients/nope/owners/{ids[0]}", token=talk.admin).status == 404


def test_owners_of_a_client_that_is_not_there_are_an_empty_page(talk: Talk) -> None:
    _, page = talk.ask("GET", "/iam/api/clients/nope/owners", token=talk.admin)
    assert page["totalResults"] == 0


def test_a_user_sees_what_is_the_users_own(talk: Talk) -> None:
    _, page = talk.ask("GET", "/iam/account/me/clients", token=talk.user())
    assert [client["client_id"] for client in page["Resources"]] == ["grafana"]
    assert talk.send("GET", "/iam/account/me/clients").status == 401
    assert talk.send("GET", "/iam/account/me/clients", token=talk.admin).status == 403


def test_a_deleted_client_is_nobodys(talk: Talk) -> None:
    talk.ask("DELETE", "/iam/api/clients/grafana", token=talk.admin)
    _, page = talk.ask("GET", "/iam/account/me/clients", token=talk.user())
    assert page["totalResults"] == 0


def test_a_user_is_told_who_the_user_is(talk: Talk) -> None:
    assert (401, 403, 501) == tuple(
        talk.send("GET", "/userinfo", token=token).status for token in ("made-up", talk.admin, talk.user())
    )
    _, me = talk.ask("GET", "/scim/Me", token=talk.user())
    assert me["userName"] == "test"


def test_lists_come_in_another_order_when_the_sandbox_shuffles() -> None:
    uris = [f"https://{letter}.example.org/cb" for letter in "abcdefgh"]
    fields: dict[str, Any] = {"redirect_uris": uris, "scope": "a b c d e f g h"}
    shuffled, plain = Talk(shuffle=1), Talk()
    made, other = shuffled.make(**fields), plain.make(**fields)
    assert other["redirect_uris"] == uris
    assert other["scope"] == "a b c d e f g h"
    assert made["redirect_uris"] != uris
    assert made["scope"] != "a b c d e f g h"
    assert sorted(made["redirect_uris"]) == uris
    assert made["scope"] != shuffled.get()["scope"]
    again = Talk(shuffle=1).make(**fields)
    assert again["redirect_uris"] == made["redirect_uris"]


def test_a_cookie_that_cannot_be_read_is_no_session(talk: Talk) -> None:
    talk.headers = {"cookie": "JSESSIONID=unknown; \x00=1"}
    response = talk.send("GET", "/iam/api/clients")
    assert response.status == 401
    assert response.headers["set-cookie"].startswith("JSESSIONID=")


def test_a_session_is_opened_once_and_then_knows_its_user(talk: Talk) -> None:
    cookie = talk.send("GET", "/iam/api/clients").headers["set-cookie"].partition(";")[0]
    talk.headers = {"cookie": cookie}
    assert "set-cookie" not in talk.send("GET", "/iam/api/clients").headers
    assert talk.send("GET", "/iam/api/clients/grafana", token=talk.admin).status == 200
    assert talk.send("GET", "/iam/api/clients/grafana").status == 200


def test_the_fixtures_seed_is_a_seed_for_every_flavour() -> None:
    counts = [Talk(flavour, str(SEED)).iam.world.store.count() for flavour in Flavour]
    assert counts == [20, 21, 21]


def test_policies_of_exchange_that_are_not_recorded_are_a_gap(talk: Talk) -> None:
    path, anybody = "/iam/api/exchange/policies", {"type": "ANY"}
    both = {"rule": "PERMIT", "originClient": anybody, "destinationClient": anybody}
    scoped = {**both, "scopePolicies": [{"rule": "DENY", "type": "REGEXP", "matchParam": ".*"}]}
    assert 201 == talk.send("POST", path, token=talk.admin, body=both).status
    bodies: list[Any] = [scoped, {}, [], {**both, "originClient": {"type": "BY_SCOPE", "matchParam": "x"}}, b"no JSON"]
    for body in bodies:
        assert 501 == talk.send("POST", path, token=talk.admin, body=body).status
    assert [1, 2] == [policy["id"] for policy in talk.ask("GET", path, token=talk.admin)[1]]
    assert [404, 404, 204] == [talk.send("DELETE", f"{path}/{n}", token=talk.admin).status for n in ("x", "9", "1")]
    assert [401, 403] == [talk.send("GET", path, token=token).status for token in (None, talk.user())]
