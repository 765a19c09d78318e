"""What begins a user's login, as far as it goes without one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from iac.sandbox.flavour import Flavour
from iac.sandbox.message import Request, Response
from tests.sandbox.talk import Talk

URI = "https://grafana.example.org/login/generic_oauth"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def talk() -> Talk:
    made = Talk()
    client = {
        "client_id": "app",
        "client_name": "An app",
        "client_secret": "of-the-app",
        "redirect_uris": [URI, "https://app.example.org/cb?tenant=1"],
        "grant_types": ["authorization_code", DEVICE],
        "scope": "openid profile",
    }
    assert made.ask("POST", "/iam/api/clients", token=made.admin, body=client)[0] == 201
    machine = {**client, "client_id": "machine", "grant_types": ["client_credentials"], "redirect_uris": []}
    assert made.ask("POST", "/iam/api/clients", token=made.admin, body=machine)[0] == 201
    return made


def authorize(talk: Talk, **query: str) -> tuple[int, str]:
    response = talk.iam.handle(Request("GET", "/authorize", {"response_type": "code", **query}))
    return response.status, response.headers.get("location", "")


@pytest.mark.parametrize("uri", [URI, "https://app.example.org/cb?tenant=1"])
def test_without_a_user_a_registered_uri_is_told_that_a_login_is_needed(talk: Talk, uri: str) -> None:
    status, location = authorize(talk, client_id="app", redirect_uri=uri, prompt="none", state="abc")

    assert (302, True) == (status, location.startswith(uri))
    told = parse_qs(urlsplit(location).query)
    assert (["login_required"], ["abc"]) == (told["error"], told["state"])


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        f"{URI}/x",
        "https://app.example.org/cb?tenant=1&more=2",
        "https://app.example.org/cb",
        "http" + URI[5:],
    ],
)
def test_another_uri_is_told_nothing(talk: Talk, uri: str) -> None:
    assert (500, "") == authorize(talk, client_id="app", redirect_uri=uri, prompt="none")


def test_so_is_a_client_without_such_a_grant_and_an_unknown_one_looks_like_any(talk: Talk) -> None:
    status, location = authorize(talk, client_id="nobody", redirect_uri=URI, prompt="none")
    assert (302, True) == (status, location.endswith("/login"))
    assert (500, "") == authorize(talk, client_id="machine", redirect_uri=URI, prompt="none")
    assert (403, "") == authorize(talk, client_id="app", prompt="none")


def test_a_login_is_asked_for_before_anything_else_is_looked_at(talk: Talk) -> None:
    assert authorize(talk, client_id="app", redirect_uri="https://evil.example/")[1].endswith("/login")


def named(told: tuple[int, Any]) -> tuple[int, str]:
    """Status and code of an error."""
    return told[0], told[1]["error"]


def device(talk: Talk, **form: str) -> tuple[int, dict[str, str]]:
    response = talk.iam.handle(Request("POST", "/devicecode", body=urlencode(form).encode()))
    return response.status, json.loads(response.body) if response.body else {}


def test_codes_are_given_to_whoever_names_a_client_that_has_the_grant(talk: Talk) -> None:
    status, told = device(talk, client_id="app", scope="openid")

    assert 200 == status
    assert {"device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in"} == set(told)


def test_else_they_are_refused(talk: Talk) -> None:
    assert (400, "invalid_scope") == named(device(talk, client_id="app", scope="openid scim:read"))
    assert (401, "invalid_client") == named(device(talk, client_id="machine"))
    assert (404, {}) == device(talk, client_id="nobody")
    assert (400, {}) == device(talk, scope="openid")


@pytest.mark.parametrize("flavour", list(Flavour))
def test_a_refresh_token_that_nobody_gave_is_refused_after_the_login_and_the_grant(flavour: Flavour) -> None:
    talk = Talk(flavour)
    form = {"grant_type": "refresh_token", "refresh_token": "made-up"}
    body = {
        "client_id": "app",
        "client_name": "An app",
        "client_secret": "of-the-app",
        "grant_types": ["refresh_token"],
    }
    assert talk.ask("POST", "/iam/api/clients", token=talk.admin, body=body)[0] == 201

    assert (401, "invalid_token") == named(talk.login_basic("app", "of-the-app", **form))
    assert talk.login_basic("app", "wrong", **form)[1]["error"] == "unauthorized"


@pytest.mark.parametrize(
    ("flavour", "refused"),
    [("1.12", (403, b"")), ("1.13", (200, b'{"active": false}')), ("1.14", (200, b'{"active": false}'))],
)
def test_introspection_takes_basic_alone_of_clients_that_may(flavour: str, refused: tuple[int, bytes]) -> None:
    talk = Talk(flavour)
    client = {"client_id": "app", "client_name": "An app", "grant_types": ["client_credentials"]}
    client |= {"client_secret": "of-the-app", "scope": "openid"}
    assert talk.ask("POST", "/iam/api/clients", token=talk.admin, body=client)[0] == 201
    access = talk.admin

    def introspect(**headers: str) -> Response:
        body = urlencode({"token": access, "client_id": "app", "client_secret": "of-the-app"}).encode()
        return talk.iam.handle(Request("POST", "/introspect", headers=headers, body=body))

    basic = "Basic YXBwOm9mLXRoZS1hcHA="
    assert (401, 200) == (introspect().status, introspect(authorization=basic).status)
    assert json.loads(introspect(authorization=basic).body)["active"]
    answer = talk.ask("GET", "/iam/api/clients/app", token=talk.admin)[1]
    assert (
        talk.ask("PUT", "/iam/api/clients/app", token=talk.admin, body={**answer, "allow_introspection": False})[0]
        == 200
    )
    told = introspect(authorization=basic)
    assert refused == (told.status, told.body)
