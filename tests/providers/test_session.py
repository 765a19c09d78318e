from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from iac.core.errors import CredentialsError
from iac.core.origin import Issuer
from iac.core.secret import Secret
from iac.providers.base import LoginSession
from iac.providers.logins import WRITE_SCOPES
from iac.providers.logins.client_credentials import ClientCredentials
from iac.providers.logins.endpoint import SharedSecret
from iac.providers.logins.given import LocatedToken, TokenLogin
from iac.sandbox.fault import Fault, FaultKind
from iac.transport.message import Call
from tests.providers.stub import Say, Seen, start_stub
from tests.providers.test_bearer import jwt

if TYPE_CHECKING:
    from iac.providers.logins import Login
    from iac.sandbox.server import Sandbox
    from tests.providers.clock import SetClock
    from tests.providers.conftest import OpenHttp

READ = Call.read("/iam/api/clients?count=1&startIndex=1")
WRITE = Call.write("DELETE", "/iam/api/clients/nobody")
LOGIN = ClientCredentials(SharedSecret("admin-client-rw", Secret("secret")), WRITE_SCOPES)


def start(open_http: OpenHttp, issuer: str, clock: SetClock, login: Login = LOGIN) -> LoginSession:
    return LoginSession(open_http(issuer), Issuer.parse(issuer), login, clock)


def logins(box: Sandbox) -> int:
    return [path for _, path, _ in box.log].count("/token")


def test_many_threads_share_one_login(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    session = start(open_http, new_box.issuer, clock)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: session.send(READ).status, range(40)))

    assert statuses == [200] * 40
    assert logins(new_box) == 1
    assert [path for _, path, _ in new_box.log].count("/.well-known/openid-configuration") == 1


def test_a_token_is_renewed_before_it_ends(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    session = start(open_http, new_box.issuer, clock)
    session.send(READ)

    clock.sleep(3500)
    session.send(READ)
    assert logins(new_box) == 1
    clock.sleep(50)
    session.send(READ)

    assert logins(new_box) == 2


def test_a_read_that_is_answered_by_401_is_sent_once_more_with_a_new_token(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    session = start(open_http, new_box.issuer, clock)
    session.send(READ)
    new_box.iam.world.store.tokens.clear()

    assert session.send(READ).status == 200
    assert logins(new_box) == 2


def test_threads_whose_token_is_refused_renew_it_once(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    session = start(open_http, new_box.issuer, clock)
    session.send(READ)
    new_box.iam.world.store.tokens.clear()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: session.send(READ).status, range(40)))

    assert statuses == [200] * 40
    assert logins(new_box) == 2


def test_a_read_that_stays_refused_is_not_asked_for_ever(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=401, path="/iam/*", times=99))

    assert start(open_http, new_box.issuer, clock).send(READ).status == 401
    assert len([path for _, path, _ in new_box.log if path == READ.path]) == 2


def test_a_write_that_is_answered_by_401_is_not_sent_again(
    open_http: OpenHttp, new_box: Sandbox, clock: SetClock
) -> None:
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=401, path="/iam/*", times=99))

    assert start(open_http, new_box.issuer, clock).send(WRITE).status == 401
    assert [method for method, _, _ in new_box.log].count("DELETE") == 1


def test_the_identity_is_subject_scopes_and_issuer(open_http: OpenHttp, box: Sandbox, clock: SetClock) -> None:
    identity = start(open_http, box.issuer, clock).identity()

    assert ("admin-client-rw", frozenset(WRITE_SCOPES), box.issuer) == (
        identity.subject,
        identity.scopes,
        identity.issuer,
    )


def test_an_opaque_token_is_its_token_endpoint_s(open_http: OpenHttp, clock: SetClock) -> None:
    def answer(seen: Seen) -> Say:
        base = f"http://{seen.headers['host']}"
        return Say(200, {"issuer": base, "token_endpoint": f"{base}/token", "access_token": "opaque"})

    with start_stub(answer) as stub:
        identity = start(open_http, stub.url, clock).identity()

    assert ("admin-client-rw", None, stub.url) == (identity.subject, identity.scopes, identity.issuer)


def test_a_token_of_another_issuer_is_not_sent(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    token = Secret(jwt({"iss": "https://other.example/", "sub": "me"}))
    login = TokenLogin(lambda: LocatedToken(token, "file"))

    with pytest.raises(CredentialsError, match="another issuer") as caught:
        start(open_http, new_box.issuer, clock, login).send(READ)

    assert "https://other.example/" in caught.value.why
    assert [path for _, path, _ in new_box.log] == ["/.well-known/openid-configuration"]


def test_a_failed_login_is_tried_anew_by_the_next_call(open_http: OpenHttp, new_box: Sandbox, clock: SetClock) -> None:
    session = start(open_http, new_box.issuer, clock)
    new_box.faults.add(Fault(kind=FaultKind.STATUS, status=401, path="/token"))
    with pytest.raises(CredentialsError):
        session.send(READ)

    assert session.send(READ).status == 200
