"""Approvals and codes in cases that no recording shows."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from iac.sandbox.message import SESSION_COOKIE, Request, Response
from tests.sandbox.talk import Talk

URI = "https://app.example.org/cb"


@pytest.fixture
def talk() -> Talk:
    made = Talk()
    for client_id, grants in (("app", ["authorization_code"]), ("spa", ["implicit"])):
        client = {
            "client_id": client_id,
            "client_name": "<b>An app</b>",
            "client_secret": "of-the-app",
            "redirect_uris": [URI],
            "grant_types": grants,
            "scope": "openid profile",
        }
        assert made.ask("POST", "/iam/api/clients", token=made.admin, body=client)[0] == 201
    return made


def log_in(talk: Talk, username: str = "test") -> str:
    """The cookie of a new session."""
    form = urlencode({"username": username, "password": "password"}).encode()
    return talk.iam.handle(Request("POST", "/login", body=form)).headers["set-cookie"].partition(";")[0]


def ask(talk: Talk, cookie: str, **query: str) -> Response:
    asked = {"client_id": "app", "response_type": "code", "redirect_uri": URI, "scope": "openid", **query}
    return talk.iam.handle(Request("GET", "/authorize", asked, {"cookie": cookie}))


def answer(talk: Talk, cookie: str, **form: str) -> Response:
    body = urlencode({"user_oauth_approval": "true", **form}).encode()
    return talk.iam.handle(Request("POST", "/authorize", headers={"cookie": cookie}, body=body))


def told(response: Response) -> dict[str, list[str]]:
    return parse_qs(urlsplit(response.headers["location"]).query)


def test_what_is_shown_of_a_client_is_text(talk: Talk) -> None:
    page = ask(talk, log_in(talk)).body.decode()
    assert "&lt;b&gt;An app" in page
    assert "<b>" not in page


def test_an_approval_is_of_the_session_that_asked(talk: Talk) -> None:
    mine, another = log_in(talk), log_in(talk)
    assert 200 == ask(talk, mine).status
    assert 400 == answer(talk, another).status
    assert {"code"} == set(told(answer(talk, mine)))
    assert 400 == answer(talk, mine).status


def test_what_was_asked_ends_with_the_session(talk: Talk) -> None:
    cookie = log_in(talk)
    assert 200 == ask(talk, cookie).status
    talk.iam.handle(Request("GET", "/logout", headers={"cookie": cookie}))
    assert answer(talk, cookie).headers["location"].endswith("/login")
    assert {} == talk.iam.world.store.pending


def test_a_token_is_no_session(talk: Talk) -> None:
    grant = {"grant_type": "password", "username": "test", "password": "password", "scope": "openid"}
    token = talk.login(client_id="password-grant", client_secret="secret", **grant)[1]["access_token"]
    asked = {"client_id": "app", "response_type": "code", "redirect_uri": URI, "scope": "openid"}
    response = talk.iam.handle(Request("GET", "/authorize", asked, {"authorization": f"Bearer {token}"}))
    assert response.headers["location"].endswith("/login")
    assert SESSION_COOKIE in response.headers["set-cookie"]


def test_the_implicit_flow_is_not_there_and_a_client_of_it_gets_no_code(talk: Talk) -> None:
    cookie = log_in(talk)
    assert 501 == ask(talk, cookie, client_id="spa", response_type="token").status
    refused = ask(talk, cookie, client_id="spa")
    assert (303, ["invalid_client"]) == (refused.status, told(refused)["error"])
