from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iac.core.errors import CredentialsError, IacError, ServerError, UnknownOutcome, UnreachableError
from iac.core.secret import Secret
from iac.providers.answer import error_code, is_missing, read_failure, write_failure
from iac.providers.logins.endpoint import basic
from iac.transport.message import Answer, Call, server_words
from tests.every import every
from tests.providers.test_bearer import jwt

HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
READ = Call.read("/iam/api/clients?count=1&startIndex=1")
WRITE = Call.write("PUT", "/iam/api/clients/a", {})


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, body if isinstance(body, bytes) else json.dumps(body).encode())


@every(
    "body, words",
    [
        ({"error": "no such scope"}, "the server says 400: no such scope"),
        ({"error": "invalid", "error_description": "why"}, "the server says 400: invalid: why"),
        ({"error": None}, "the server says 400"),
        ({"other": 1}, "the server says 400"),
        ({"error": ["a", 1]}, "the server says 400: ['a', 1]"),
        (b"", "the server says 400, with an empty answer"),
        (HTML, "the server says 400, with an answer that is not JSON"),
        (b"[]", "the server says 400, with an answer that is not JSON"),
    ],
)
def test_the_server_s_words_come_in_one_line_whatever_their_shape(body: Any, words: str) -> None:
    assert words == server_words(answer(400, body))


def test_words_are_safe_to_print_and_not_endless() -> None:
    words = server_words(answer(400, {"error": "\x1b[31m\u202e" + "a" * 9000}))

    assert words.isprintable()
    assert len(words) < 600


def test_words_that_repeat_a_secret_are_withheld() -> None:
    said = answer(400, {"error": "the secret hush is too short"})

    assert "hush" not in server_words(said, [None, Secret("hush")])
    assert "hush" in server_words(said, [None, Secret("other")])


@given(st.text(min_size=1), st.integers(0, 600), st.text())
def test_no_part_of_a_secret_is_among_the_words_wherever_they_are_cut(secret: str, before: int, after: str) -> None:
    hidden = "S3" + secret

    assert "S3" not in server_words(answer(400, {"error": " " * before + hidden + after}), [Secret(hidden)])


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (answer(404, {"error": "Client not found for clientId: a"}), True),
        (answer(404, HTML), False),
        (answer(404), False),
        (answer(404, {"message": "no route"}), False),
        (answer(400, {"error": "x"}), False),
    ],
)
def test_only_iam_itself_can_say_that_a_client_is_gone(said: Answer, *, missing: bool) -> None:
    assert missing == is_missing(said)


@every(
    "said, kind, summary",
    [
        (answer(401), CredentialsError, "does not accept the token"),
        (answer(403), CredentialsError, "may not do this"),
        (answer(429), UnreachableError, "is busy"),
        (answer(503), UnreachableError, "is busy"),
        (answer(302, location="https://evil.example/"), UnreachableError, "redirects"),
        (answer(500, HTML), UnreachableError, "error of its own"),
        (answer(502, HTML), UnreachableError, "error of its own"),
        (answer(404, HTML), UnreachableError, "answer is invalid"),
        (answer(200, HTML), UnreachableError, "answer is invalid"),
    ],
)
def test_a_read_that_fails_is_a_server_that_cannot_be_used(said: Answer, kind: type[IacError], summary: str) -> None:
    error = read_failure(READ, said)

    assert kind is type(error)
    assert summary in error.summary
    assert error.fix
    assert error.where == "GET /iam/api/clients"


@every(
    "said, kind",
    [
        (answer(400, {"error": "Client id not available"}), ServerError),
        (answer(400), ServerError),
        (answer(404, {"error": "x"}), ServerError),
        (answer(405, HTML), ServerError),
        (answer(415), ServerError),
        (answer(429), ServerError),
        (answer(302), ServerError),
        (answer(401), CredentialsError),
        (answer(403), CredentialsError),
        (answer(405), UnknownOutcome),
        (answer(500, HTML), UnknownOutcome),
        (answer(502), UnknownOutcome),
        (answer(503), UnknownOutcome),
        (answer(200, HTML), UnknownOutcome),
        (answer(201), UnknownOutcome),
    ],
)
def test_a_write_that_fails_says_whether_it_can_have_had_an_effect(said: Answer, kind: type[IacError]) -> None:
    error = write_failure(WRITE, said)

    assert kind is type(error)
    assert isinstance(error, CredentialsError) or (isinstance(error, ServerError) and error.status == said.status)


def test_when_to_come_back_is_told() -> None:
    assert "(Retry-After: 120)" in read_failure(READ, answer(503, retry_after="120")).fix
    assert "(Retry-After: 120)" in write_failure(WRITE, answer(429, retry_after="120")).fix
    assert read_failure(READ, answer(503)).fix == "run it again later"


def test_a_missing_scope_is_named() -> None:
    said = answer(403, {"error": "access_denied"})

    assert "iam:admin.read" in read_failure(READ, said, "iam:admin.read").fix
    assert "iam:admin.write" in write_failure(WRITE, said, scope="iam:admin.write").fix


def test_a_page_that_forbids_is_not_taken_for_a_missing_scope() -> None:
    """Rec: admin-authorization: IAM says it in JSON; a firewall answers with a page."""
    for error in (read_failure(READ, answer(403, HTML), "iam:admin.read"), write_failure(WRITE, answer(403, HTML))):
        assert "iam:admin" not in f"{error.why}{error.fix}"
        assert "403, with an answer that is not JSON" in error.why


def test_a_cut_answer_does_not_put_the_issuer_in_doubt() -> None:
    assert "issuer" not in read_failure(READ, answer(200, HTML)).fix


def test_a_server_without_scopes_of_ours_is_told_in_its_own_words() -> None:
    said = answer(403, {"error": "access_denied", "error_description": "not for you"})

    for error in (read_failure(READ, said), write_failure(WRITE, said)):
        assert "not for you" in error.why
        assert "IAM" not in f"{error.why}{error.fix}"


def test_the_words_of_a_401_are_never_shown_for_1_12_repeats_the_token_in_them() -> None:
    said = answer(401, {"error": "invalid_token", "error_description": "Invalid access token: hush"})

    assert "hush" not in str(read_failure(READ, said))
    assert "hush" not in str(write_failure(WRITE, said))


@given(st.integers(300, 599), st.binary(max_size=40) | st.just(HTML))
def test_every_failure_has_a_message_without_markup(status: int, body: bytes) -> None:
    for error in (read_failure(READ, answer(status, body)), write_failure(WRITE, answer(status, body))):
        assert all(line.isprintable() for line in error.lines())
        assert "<html" not in str(error)


@pytest.mark.parametrize(("body", "code"), [({"error": "invalid_scope"}, "invalid_scope"), ({}, ""), (b"x", "")])
def test_an_oauth_error_has_a_code(body: Any, code: str) -> None:
    assert code == error_code(answer(400, body))


@every(
    "call, words",
    [
        (Call.form("/token", {"client_id": "a", "client_secret": "a+b/c"}), "client_id=a&client_secret=a%2Bb%2Fc"),
        (Call.form("/token", {"client_id": "a", "client_secret": "a+b/c"}), "your secret is a+b/c"),
        (Call.form("/token", {"client_assertion": "ey.J.x"}), "ey.J.x"),
        (Call.write("POST", "/x", {"client_secret": "hush-hush"}), "client_secret: hush-hush is too short"),
        (Call.read("/x").with_authorization("Bearer ey.J.x"), "not a token: ey.J.x"),
        (Call.read("/x").with_authorization("Basic YTpi"), "Basic YTpi"),
        (Call.form("/t", {}).with_authorization(basic("app", Secret("a+b/c"))), "a+b/c is not the secret of app"),
        (Call.write("POST", "/redeem").with_text("ey.J.x"), "ey.J.x is no registration access token"),
    ],
)
def test_words_that_repeat_what_was_sent_are_withheld(call: Call, words: str) -> None:
    said = Answer(400, {}, json.dumps({"error": words}).encode(), call)
    assert "the server says 400, with words that repeat a secret and are not shown" == server_words(said)
    assert words in server_words(Answer(400, {}, said.body))


@pytest.mark.parametrize(
    ("exp", "date", "why"),
    [
        (
            100,
            "Thu, 01 Jan 1970 00:02:00 GMT",
            "it ended at 1970-01-01T00:01:40Z, and the server's clock says 1970-01-01T00:02:00Z",
        ),
        (200, "Thu, 01 Jan 1970 00:02:00 GMT", "it has expired, was revoked, or is another server's"),
        (100, "", "it has expired, was revoked, or is another server's"),
    ],
)
def test_a_token_that_is_over_by_the_server_s_clock_is_told_so(exp: int, date: str, why: str) -> None:
    call = READ.with_authorization(f"Bearer {jwt({'exp': exp})}")
    refused = read_failure(call, Answer(401, {"date": date}, b"", call))

    assert (why, True) == (refused.why, isinstance(refused, CredentialsError))
