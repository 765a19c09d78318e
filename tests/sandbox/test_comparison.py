"""The comparison of the conformance test sees what differs, and only that."""

from typing import Any

from iac.sandbox.message import NO_CACHE, Response, empty, error, json_response, oauth_error
from tests.every import every
from tests.sandbox.comparison import differences

CLIENT = {
    "client_id": "a",
    "scope": "openid profile",
    "grant_types": ["implicit", "password"],
    "created_at": 1,
    "active": True,
}


def recorded(status: int, body: Any, **headers: str) -> dict[str, Any]:
    given = {"cache-control": NO_CACHE, "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return {"response": {"status": status, "headers": given, "body": body}}


@every(
    "change",
    [
        {"client_id": "b"},
        {"scope": "openid"},
        {"grant_types": ["implicit"]},
        {"created_at": 2},
        {"active": False},
        {"extra": None},
    ],
)
def test_a_changed_field_is_a_difference(change: dict[str, Any]) -> None:
    assert differences(recorded(200, CLIENT), json_response(200, CLIENT | change))


def test_a_missing_field_is_a_difference() -> None:
    shown = {name: value for name, value in CLIENT.items() if name != "active"}
    assert differences(recorded(200, CLIENT), json_response(200, shown))


def test_the_order_of_lists_and_scopes_is_none() -> None:
    other = CLIENT | {"scope": "profile openid", "grant_types": ["password", "implicit"]}
    assert not differences(recorded(200, CLIENT), json_response(200, other))


def test_status_and_headers_are_compared() -> None:
    assert differences(recorded(200, CLIENT), json_response(201, CLIENT))
    html = json_response(200, CLIENT).with_header("content-type", "text/html")
    assert differences(recorded(200, CLIENT), html)
    plain = Response(200, {"content-type": "application/json"}, json_response(200, CLIENT).body)
    assert differences(recorded(200, CLIENT), plain)
    assert differences(recorded(200, CLIENT), empty(200))


def test_of_an_error_the_paths_count_and_the_words_do_not() -> None:
    was = recorded(400, {"error": "updateClient.client.jwk: too long, updateClient.client: no key"})
    same = error(400, "updateClient.client: none, updateClient.client.jwk: long: very")
    assert not differences(was, same)
    assert differences(was, error(400, "updateClient.client.jwk: too long"))
    assert differences(was, oauth_error(400, "invalid", "x"))


def test_of_a_challenge_the_code_counts_and_the_words_do_not() -> None:
    headers = {"www_authenticate": 'Bearer realm="a", error="b", error_description="c"', "cache_control": "no-store"}
    was = recorded(401, {"error": "b", "error_description": "c"}, **headers)
    assert not differences(was, oauth_error(401, "b", "other", challenge='Bearer realm="a"'))
    assert differences(was, oauth_error(401, "x", "c", challenge='Bearer realm="a"'))
    assert differences(was, oauth_error(401, "b", "c", challenge='Form realm="a"'))


def test_a_cut_list_must_have_the_length_that_the_note_says() -> None:
    page = {"totalResults": 3, "itemsPerPage": 3, "startIndex": 1, "Resources": [CLIENT]}
    was = recorded(200, page) | {"note": "(first 1 of 3 Resources kept here)"}
    assert not differences(was, json_response(200, page | {"Resources": [CLIENT] * 3}))
    assert differences(was, json_response(200, page | {"Resources": [CLIENT] * 2}))
    assert differences(was, json_response(200, page | {"Resources": [CLIENT | {"active": False}] * 3}))
