from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iac.clock import SystemClock
from iac.core.errors import CredentialsError, UnreachableError
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.providers.discovery import Endpoints, KnownServer, discover
from iac.providers.logins import READ_SCOPES, WRITE_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret, basic
from iac.providers.logins.given import LocatedToken, TokenLogin
from iac.providers.probe import Probe
from iac.registry import capabilities
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.message import Call
from tests.every import every
from tests.providers.clock import SetClock
from tests.providers.stub import Say, Seen, start_stub
from tests.providers.test_bearer import jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.providers.bearer import Bearer
    from iac.providers.logins import Login
    from iac.sandbox.server import Sandbox
    from tests.providers.conftest import OpenHttp

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CLOCK = SetClock()
CLOCK.time = NOW
ENDPOINTS = Endpoints("https://iam.example.org/", "/token", "https://iam.example.org/token")


def credentials(
    client: str = "admin-client-ro",
    secret: str = "secret",
    method: str = "client_secret_post",
    scopes: tuple[str, ...] = READ_SCOPES,
) -> ClientCredentials:
    return ClientCredentials(SharedSecret(client, Secret(secret), method), scopes)


def log_in(open_http: OpenHttp, box: Sandbox, login: Login) -> Bearer:
    http = open_http(box.url)
    return login.fetch(KnownServer(http, discover(http, Issuer.parse(box.issuer)), SystemClock()))


def test_a_client_logs_in_by_post_on_every_version(open_http: OpenHttp, box: Sandbox) -> None:
    bearer = log_in(open_http, box, credentials("admin-client-rw", scopes=WRITE_SCOPES))

    assert frozenset(WRITE_SCOPES) == bearer.scopes
    assert ("admin-client-rw", box.issuer) == (bearer.subject, bearer.issuer)
    assert bearer.expires is not None
    assert bearer.expires > datetime.now(UTC) + timedelta(minutes=50)


def test_basic_for_a_post_client_works_up_to_1_13_and_says_so_when_1_14_refuses(
    open_http: OpenHttp, box: Sandbox
) -> None:
    login = credentials(method="client_secret_basic")
    if box.iam.flavour != "1.14":
        assert frozenset(READ_SCOPES) == log_in(open_http, box, login).scopes
        return
    with pytest.raises(CredentialsError, match="refuses the login") as caught:
        log_in(open_http, box, login)

    assert "auth.token_endpoint_auth_method: client_secret_post" in caught.value.fix


def test_basic_form_encodes_both_parts() -> None:
    header = basic("a b", Secret("c:d+e"))

    assert base64.b64decode(header.removeprefix("Basic ")) == b"a+b:c%3Ad%2Be"


@every("method", ["client_secret_basic", "client_secret_post"])
@every("provider, is_iam", [("iam-admin", True), ("iam-self-service", True), ("rfc7591", False)])
def test_a_server_gets_a_secret_as_it_takes_it(provider: str, method: str, *, is_iam: bool) -> None:
    """An IAM gets the form in any case (rec: client-auth-methods), another server what the client is registered for."""
    api = capabilities(provider)
    sent = [
        SharedSecret.at(api, "app", Secret("a+b/c=d"), method).call("/token", {}, ENDPOINTS, CLOCK),
        Probe("app", Secret("a+b/c=d"), method, api).call("/token", {}, ENDPOINTS, CLOCK),
    ]
    is_basic = method == "client_secret_basic" and not is_iam
    assert [basic("app", Secret("a+b/c=d")) if is_basic else ""] * 2 == [
        c.headers.get("Authorization", "") for c in sent
    ]
    form = b"" if is_basic else b"client_id=app&client_secret=a%2Bb%2Fc%3Dd"
    assert [form] * 2 == [call.body for call in sent]


def test_basic_as_it_stands_is_for_servers_that_do_not_decode_it() -> None:
    header = basic("a b", Secret("c:d+e"), is_raw=True)

    assert base64.b64decode(header.removeprefix("Basic ")) == b"a b:c:d+e"


def test_a_wrong_secret_is_refused_and_not_shown(open_http: OpenHttp, box: Sandbox) -> None:
    with pytest.raises(CredentialsError, match="refuses the login") as caught:
        log_in(open_http, box, credentials(secret="not-the-hushed-one"))

    assert "client admin-client-ro at" in caught.value.where
    assert "not-the-hushed-one" not in str(caught.value)


def test_a_scope_that_the_client_has_not_is_named(open_http: OpenHttp, box: Sandbox) -> None:
    with pytest.raises(CredentialsError, match="does not have the scopes") as caught:
        log_in(open_http, box, credentials(scopes=WRITE_SCOPES))

    assert "iam:admin.read iam:admin.write" in caught.value.fix


def test_a_token_request_has_no_effect_so_it_is_sent_again(open_http: OpenHttp, new_box: Sandbox) -> None:
    new_box.faults.add(Fault(kind=FaultKind.CUT_AFTER, path="/token"))
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=503, path="/token"))

    assert frozenset(READ_SCOPES) == log_in(open_http, new_box, credentials()).scopes


def test_a_token_endpoint_that_is_down_is_no_refusal(open_http: OpenHttp, new_box: Sandbox) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=500, body="html", path="/token"))

    with pytest.raises(UnreachableError) as caught:
        log_in(open_http, new_box, credentials())

    assert not isinstance(caught.value, CredentialsError)


def answered(open_http: OpenHttp, say: Say) -> Bearer:
    with start_stub(lambda _: say) as stub:
        return credentials().fetch(KnownServer(open_http(stub.url), ENDPOINTS, CLOCK))


def test_a_refusal_that_repeats_the_secret_is_not_shown(open_http: OpenHttp) -> None:
    with pytest.raises(CredentialsError) as caught:
        answered(open_http, Say(401, {"error": "bad secret: secret"}))

    assert "bad secret" not in str(caught.value)


@pytest.mark.parametrize("body", [{}, {"access_token": None}, [], b"<html>"])
def test_an_answer_without_a_token_makes_no_sense(open_http: OpenHttp, body: Any) -> None:
    with pytest.raises(UnreachableError, match="answer is invalid"):
        answered(open_http, Say(200, body))


@pytest.mark.parametrize(
    ("said", "lifetime"),
    [
        (3599, 3599.0),
        (1.5, 1.5),
        (1e99, 315360000.0),
        pytest.param(10**400, 315360000.0, id="400 digits"),
        (0, None),
        (-5, None),
        ("3599", None),
        (True, None),
    ],
)
def test_a_lifetime_is_a_positive_number_of_seconds(open_http: OpenHttp, said: Any, lifetime: float | None) -> None:
    bearer = answered(open_http, Say(200, {"access_token": "t", "expires_in": said}))

    assert (NOW + timedelta(seconds=lifetime) if lifetime else None) == bearer.expires


def test_the_scopes_of_the_answer_win_over_the_token_s(open_http: OpenHttp) -> None:
    token = jwt({"scope": "a b", "sub": "the-client"})

    assert answered(open_http, Say(200, {"access_token": token, "scope": "a"})).scopes == frozenset("a")
    assert answered(open_http, Say(200, {"access_token": token})).scopes == frozenset("ab")
    assert answered(open_http, Say(200, {"access_token": token})).subject == "the-client"


def test_an_opaque_token_of_a_client_is_that_client_s(open_http: OpenHttp) -> None:
    bearer = answered(open_http, Say(200, {"access_token": "opaque"}))

    assert ("admin-client-ro", None) == (bearer.subject, bearer.scopes)


@pytest.fixture
def nothing_sent(open_http: OpenHttp) -> Iterator[Any]:
    """Http to a server to which nothing may be sent."""
    seen: list[Seen] = []

    def answer(request: Seen) -> Say:
        seen.append(request)
        return Say(200, {})

    with start_stub(answer) as stub:
        yield open_http(stub.url)
    assert seen == []


def given(token: str) -> TokenLogin:
    return TokenLogin(lambda: LocatedToken(Secret(token), "environment variable BEARER_TOKEN"))


def test_a_given_token_is_taken_as_it_is(nothing_sent: Any) -> None:
    token = jwt({"iss": "https://iam.example.org/", "sub": "me", "exp": NOW.timestamp() + 60, "scope": "a"})

    bearer = given(token).fetch(KnownServer(nothing_sent, ENDPOINTS, CLOCK))

    assert (token, "me", frozenset("a")) == (bearer.value.reveal(), bearer.subject, bearer.scopes)


@pytest.mark.parametrize(
    ("token", "summary"),
    [
        ("", "not a token"),
        ("two words", "not a token"),
        ("line\nbreak", "not a token"),
        ("opaque", "does not say who issued it"),
        (jwt({"sub": "me"}), "does not say who issued it"),
        (jwt({"iss": "https://iam.example.org/", "exp": NOW.timestamp()}), "has expired"),
    ],
)
def test_a_given_token_that_cannot_work_is_refused_before_it_is_sent(
    nothing_sent: Any, token: str, summary: str
) -> None:
    with pytest.raises(CredentialsError, match=summary) as caught:
        given(token).fetch(KnownServer(nothing_sent, ENDPOINTS, CLOCK))

    assert caught.value.where == "environment variable BEARER_TOKEN"
    assert caught.value.fix
    assert not token or json.dumps(token) not in str(caught.value)


def test_an_expired_token_says_when_it_ended_so_that_a_wrong_clock_is_seen(nothing_sent: Any) -> None:
    token = jwt({"iss": "https://iam.example.org/", "exp": NOW.timestamp() - 3600})

    with pytest.raises(CredentialsError) as caught:
        given(token).fetch(KnownServer(nothing_sent, ENDPOINTS, CLOCK))

    assert caught.value.why == "it ended at 2026-11-23T11:00:00Z, and now is 2026-11-23T12:00:00Z"


def test_a_token_that_begins_later_is_not_sent_yet(nothing_sent: Any) -> None:
    token = jwt({"iss": "https://iam.example.org/", "nbf": NOW.timestamp() + 3600})

    with pytest.raises(CredentialsError, match="not valid yet") as caught:
        given(token).fetch(KnownServer(nothing_sent, ENDPOINTS, CLOCK))

    assert caught.value.why == "it begins at 2026-11-23T13:00:00Z, and now is 2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("claims", "date", "clock_is"),
    [
        ({"exp": NOW.timestamp() - 60}, "Mon, 23 Nov 2026 10:00:00 GMT", "2 h ahead of"),
        ({"nbf": NOW.timestamp() + 120}, "Mon, 23 Nov 2026 12:05:00 GMT", "5 min behind"),
        ({"nbf": NOW.timestamp() + 120}, "Thu, 26 Nov 2026 12:00:00 GMT", "3 d behind"),
    ],
)
def test_a_wrong_clock_of_this_machine_is_named_by_the_server_s(
    open_http: OpenHttp, clock: SetClock, claims: dict[str, float], date: str, clock_is: str
) -> None:
    clock.time = NOW
    with start_stub(lambda _: Say(200, {}, {"Date": date})) as stub:
        http = open_http(stub.url)
        http.send(Call.read("/"))
        with pytest.raises(CredentialsError) as caught:
            given(jwt({"iss": "https://iam.example.org/", **claims})).fetch(KnownServer(http, ENDPOINTS, clock))

    assert caught.value.why.endswith(f"; this machine's clock is {clock_is} the server's")
    assert "clock right" in caught.value.fix


def test_a_given_token_is_looked_for_anew_each_time(nothing_sent: Any) -> None:
    tokens = [jwt({"iss": "https://iam.example.org/", "sub": name}) for name in ("first", "second")]
    login = TokenLogin(lambda: LocatedToken(Secret(tokens.pop(0)), "file"))

    assert ["first", "second"] == [login.fetch(KnownServer(nothing_sent, ENDPOINTS, CLOCK)).subject for _ in range(2)]
